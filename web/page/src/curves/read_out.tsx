// The numbers at the point.
import { colour } from "../picture";
import { shown } from "../shown";
import type { Drawing } from "./chart";

export function ReadOut({ drawing: now, at }: { drawing: Drawing | undefined; at: number }) {
  if (!now) return null;
  const place = Math.min(at, now.xs.length - 1);
  return (
    <table class="read-out" aria-live="polite">
      <thead>
        <tr>
          <th scope="col">
            {now.xName} = {shown(now.xs[place]!)}
          </th>
          <th scope="col">loss</th>
          <th scope="col">slope</th>
        </tr>
      </thead>
      <tbody>
        {now.lines.map((line, i) => (
          <tr key={i}>
            <th scope="row">
              <span class="dot" style={{ background: colour(i) }} />
              {line.name}
            </th>
            <td>{shown(line.values[place]!)}</td>
            <td>{shown(line.slopes[place]!)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
