// The losses, for every view.
import { signal } from "@preact/signals";
import { catalogue, type Loss } from "./engine";

export const losses = signal<Loss[]>([]);

/** Loads them. */
export function load(): void {
  void catalogue().then((all) => (losses.value = all));
}
