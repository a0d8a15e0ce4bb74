// A number with its slider.
import { useId } from "preact/hooks";

/** The slider spans what is usual; the field takes any number. */
export function Field({
  name,
  value,
  range,
  whole,
  change,
}: {
  name: string;
  value: string;
  range: [number, number];
  whole: boolean;
  change: (value: string) => void;
}) {
  const id = useId();
  const [low, high] = range;
  const step = whole ? 1 : Number(((high - low) / 200).toPrecision(1));
  return (
    <div class="field">
      <label for={id}>{name}</label>
      <input
        id={id}
        type="text"
        inputMode="decimal"
        value={value}
        onInput={(event) => change(event.currentTarget.value.trim())}
      />
      <input
        type="range"
        aria-label={`${name}, slider`}
        min={low}
        max={high}
        step={step}
        value={Number.isFinite(Number(value)) ? value : low}
        onInput={(event) => change(event.currentTarget.value)}
      />
    </div>
  );
}
