/**
 * Descriptors that a crashed tail or cut log leaves behind. A test that stands in for kill -9 closes them itself: Node takes a
 * file handle that is collected while open for an error.
 */
export class TrackedFiles {
  readonly #open = new Set<{ close(): Promise<void> }>();

  add<T extends { close(): Promise<void> }>(file: T): T {
    const tracked = {
      ...file,
      close: async () => {
        if (this.#open.delete(tracked)) await file.close();
      },
    };
    this.#open.add(tracked);
    return tracked;
  }

  async closeAll(): Promise<void> {
    for (const file of this.#open) await file.close();
  }
}
