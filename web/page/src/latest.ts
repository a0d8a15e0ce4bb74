// What is asked for again before it is there: only the last of it counts.

/** Runs one call after the other and leaves out those that newer ones have overtaken. */
export function latest<A extends unknown[], T>(
  run: (...given: A) => Promise<T>,
  done: (result: T) => void,
  failed: (problem: string) => void,
): (...given: A) => void {
  let running = false;
  let next: A | undefined;
  const go = async (given: A) => {
    running = true;
    try {
      const result = await run(...given);
      if (!next) done(result);
    } catch (problem) {
      if (!next) failed(problem instanceof Error ? problem.message : String(problem));
    }
    running = false;
    if (next) {
      const again = next;
      next = undefined;
      void go(again);
    }
  };
  return (...given) => {
    if (running) next = given;
    else void go(given);
  };
}
