// Texts for the clipboard.
import { useEffect, useState } from "preact/hooks";

export function Copy({ name, text }: { name: string; text: () => string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    const later = setTimeout(() => setSaid(""), 3000);
    return () => clearTimeout(later);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setSaid("Copied");
    } catch {
      setSaid("Not allowed");
    }
  };
  return (
    <span class="copy" role="status">
      <button type="button" onClick={() => void copy()}>
        {said || name}
      </button>
    </span>
  );
}
