// How numbers and problems are shown.

/** A number as people read it. */
export function shown(x: number): string {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  const short = size === 0 || (size >= 1e-3 && size < 1e6);
  return (short ? Number(x.toPrecision(5)).toString() : x.toExponential(3)).replace("-", "−");
}

export function Problem({ text }: { text: string | undefined }) {
  return (
    <p class="problem" role="alert">
      {text}
    </p>
  );
}
