// The ends of the axis.
import type { Signal } from "@preact/signals";
import { from, to } from "../address";
import type { Plot } from "../engine";

export function Range({ plot }: { plot: Plot | undefined }) {
  return (
    <div class="row range">
      <End name="from" given={from} usual={plot?.from} />
      <End name="to" given={to} usual={plot?.to} />
    </div>
  );
}

function End({ name, given, usual }: { name: string; given: Signal<number | undefined>; usual: number | undefined }) {
  const put = (text: string) => (given.value = text.trim() && Number.isFinite(Number(text)) ? Number(text) : undefined);
  return (
    <label>
      {name}{" "}
      <input
        type="text"
        inputMode="decimal"
        value={String(given.value ?? usual ?? "")}
        onChange={(event) => put(event.currentTarget.value)}
      />
    </label>
  );
}
