// An SVG that the server drew, in the page's own text colour. All text in it is escaped where it is drawn.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".drawing");
  if (root.dataset.shown !== data.svg) {
    root.dataset.shown = data.svg;
    root.innerHTML = data.svg;
  }
}
