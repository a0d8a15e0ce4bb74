// Pictures and other results as files.
import type { RefObject } from "preact";

/** The colours of a saved picture, which is for light paper. */
function onPaper(svg: string): string {
  const style = getComputedStyle(document.documentElement);
  return svg.replaceAll(/var\(--([\w-]+)\)/g, (_, name: string) => style.getPropertyValue(`--paper-${name}`).trim());
}

function picture(svg: SVGSVGElement): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  for (const pointer of copy.querySelectorAll("[data-pointer]")) pointer.remove();
  for (const name of ["class", "tabindex", "role", "aria-label"]) copy.removeAttribute(name);
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  paper.setAttribute("width", "100%");
  paper.setAttribute("height", "100%");
  paper.setAttribute("fill", "var(--page)");
  copy.prepend(paper);
  return onPaper(new XMLSerializer().serializeToString(copy));
}

/** Gives the reader a file. */
export function download(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function png(svg: SVGSVGElement): Promise<Blob> {
  const image = new Image();
  const source = URL.createObjectURL(new Blob([picture(svg)], { type: "image/svg+xml" }));
  try {
    image.src = source;
    await image.decode();
  } finally {
    URL.revokeObjectURL(source);
  }
  const canvas = document.createElement("canvas");
  // Screens have finer pixels than the CSS's.
  canvas.width = 2 * svg.clientWidth;
  canvas.height = 2 * svg.clientHeight;
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, failed) =>
    canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("the picture is too large"))), "image/png"),
  );
}

export function Save({ svg, name }: { svg: RefObject<SVGSVGElement | null>; name: string }) {
  const asSvg = () => download(`${name}.svg`, new Blob([picture(svg.current!)], { type: "image/svg+xml" }));
  const asPng = async () => download(`${name}.png`, await png(svg.current!));
  return (
    <p class="row">
      <button type="button" onClick={asSvg}>
        Save as SVG
      </button>
      <button type="button" onClick={() => void asPng()}>
        Save as PNG
      </button>
    </p>
  );
}
