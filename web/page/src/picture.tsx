// What all pictures are: as wide as there is room, in the colours of the page, and saved on a click.
import type { RefObject, SVGAttributes } from "preact";
import { useRef } from "preact/hooks";
import { Save } from "./save";

interface Frame {
  /** What is as wide as the picture may be, and its width: `useWidth`. */
  box: RefObject<HTMLDivElement>;
  width: number;
  height: number;
  /** What a file of it is called. */
  name: string;
}

export function Picture({ box, width, height, name, children, ...own }: Frame & SVGAttributes<SVGSVGElement>) {
  const svg = useRef<SVGSVGElement>(null);
  return (
    <div ref={box}>
      <svg
        ref={svg}
        class="chart"
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        font-family="system-ui, sans-serif"
        font-size="12"
        fill="var(--ink)"
        xmlns="http://www.w3.org/2000/svg"
        {...own}
      >
        {children}
      </svg>
      <Save svg={svg} name={name.replaceAll(/\W+/g, "_")} />
    </div>
  );
}
