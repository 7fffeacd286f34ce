console.log('noodroute');
