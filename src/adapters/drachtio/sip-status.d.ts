declare module 'sip-status' {
  /** Reason phrases by status code. */
  const phrases: Readonly<Record<number, string | undefined>>;
  export default phrases;
}
