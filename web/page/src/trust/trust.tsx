// Trust: the same batches here and where the tests ran.
import { signal } from "@preact/signals";
import { adapter, bits, pinned, type Adapter, type Bits, type Pinned } from "../engine";
import { Problem, shown } from "../shown";

const pins = signal<Pinned[]>([]);
const device = signal<Adapter | undefined>(undefined);
const found = signal<Record<string, Bits | { problem: string }>>({});
const running = signal(false);

/** Loads what is compared with. */
export function start(): void {
  void pinned().then((all) => (pins.value = all));
  void adapter().then((known) => (device.value = known));
}

async function run(): Promise<void> {
  running.value = true;
  found.value = {};
  const onGpu = device.value !== undefined && !("problem" in device.value);
  for (const { loss } of pins.value) {
    let own: Bits | { problem: string };
    try {
      own = await bits(loss, onGpu);
    } catch (problem) {
      own = { problem: (problem as Error).message };
    }
    found.value = { ...found.value, [loss]: own };
  }
  running.value = false;
}

export function View() {
  const gpu = device.value;
  return (
    <div class="trust">
      <p>
        Each loss of the catalogue is evaluated here, with all its gradients, on a batch whose numbers are the same
        everywhere. What comes out is hashed, bit by bit, beside the hash that the project's tests pin: on the CPU of the
        machine that tests it, and on Mesa's software GPU, lavapipe. On a CPU the bits are the same everywhere, but for a
        loss with a power, which is the platform's own, or with products of vectors, whose sums some processors round less
        often. A GPU may round some operations otherwise; then the last column says how far its numbers are from the
        CPU's, as a share of the largest.
      </p>
      <p>{gpu === undefined ? "Asking for a GPU…" : "problem" in gpu ? `No GPU: ${gpu.problem}` : `GPU: ${gpu.name}`}</p>
      <p class="row">
        <button type="button" disabled={running.value || !pins.value.length || !gpu} onClick={() => void run()}>
          Compare the bits
        </button>
        <span aria-live="polite">{summary()}</span>
      </p>
      <div class="wide">
        <table class="bits">
          <thead>
            <tr>
              <th scope="col">loss</th>
              <th scope="col">CPU, in the tests</th>
              <th scope="col">CPU, here</th>
              <th scope="col">GPU, in the tests</th>
              <th scope="col">GPU, here</th>
              <th scope="col">GPU from CPU</th>
            </tr>
          </thead>
          <tbody>
            {pins.value.map((pin) => (
              <Row key={pin.loss} pin={pin} own={found.value[pin.loss]} />
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Row({ pin, own }: { pin: Pinned; own: Bits | { problem: string } | undefined }) {
  if (own && "problem" in own) {
    return (
      <tr>
        <th scope="row">{pin.loss}</th>
        <td colSpan={5}>
          <Problem text={own.problem} />
        </td>
      </tr>
    );
  }
  return (
    <tr>
      <th scope="row">{pin.loss}</th>
      <td>
        <code>{pin.cpu}</code>
      </td>
      <Hash own={own?.cpu} pinned={pin.cpu} />
      <td>
        <code>{pin.gpu}</code>
      </td>
      <Hash own={own?.gpu} pinned={pin.gpu} />
      <td>{own?.difference === undefined ? "" : shown(own.difference)}</td>
    </tr>
  );
}

function Hash({ own, pinned }: { own: string | undefined; pinned: string }) {
  return (
    <td>
      {own && (
        <>
          <code>{own}</code> {own === pinned ? <span class="same">same</span> : <span class="other">other</span>}
        </>
      )}
    </td>
  );
}

function summary(): string {
  const all = pins.value.map((pin) => ({ pin, own: found.value[pin.loss] }));
  const done = all.flatMap(({ pin, own }) => (own && !("problem" in own) ? [{ pin, own }] : []));
  if (!done.length) return "";
  const cpu = done.filter(({ pin, own }) => pin.cpu === own.cpu).length;
  const onGpu = done.filter(({ own }) => own.gpu);
  const gpu = onGpu.filter(({ pin, own }) => pin.gpu === own.gpu).length;
  const text = `CPU: the same bits for ${cpu} of ${done.length}`;
  return onGpu.length ? `${text}; GPU: for ${gpu} of ${onGpu.length}` : text;
}
