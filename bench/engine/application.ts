import { newSrf, connected } from '../../test/engine/rig.js';

// The bare B2BUA of drachtio-srf's README, as a process of its own: `node application.js HOST TARGET`.
const [host = '', target = ''] = process.argv.slice(2);
const srf = newSrf();
srf.invite((req, res) => {
  srf.createB2BUA(req, res, target, {}).then(
    ({ uas, uac }) => {
      uas.on('destroy', () => void uac.destroy().catch(() => undefined));
      uac.on('destroy', () => void uas.destroy().catch(() => undefined));
    },
    () => undefined,
  );
});
await connected(srf, host);
process.once('disconnect', () => process.exit(0));
process.send?.('ready');
