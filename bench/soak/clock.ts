/** Loaded before a server: its wall clock can be moved, as a bad NTP server would. Timers go on as they were. */
const real = Date.now;
let offsetMs = 0;

class MovedDate extends Date {
  constructor(...given: [] | ConstructorParameters<typeof Date>) {
    if (given.length === 0) super(real() + offsetMs);
    else super(...given);
  }

  static override now(): number {
    return real() + offsetMs;
  }
}

globalThis.Date = MovedDate as DateConstructor;
process.on('message', (message: { readonly offsetMs?: number }) => {
  offsetMs = message.offsetMs ?? offsetMs;
});
process.channel?.unref();
