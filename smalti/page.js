// Made from smalti/page.md by make tangle; edit that.
"use strict";
const target = document.getElementById("target");
const slider = document.querySelector("input");
slider.addEventListener("input", () => {
  target.style.opacity = String(slider.valueAsNumber / 100);
});
slider.value = "0";  // a browser may remember it from the last visit
if (!target.getAttribute("src")) {
  target.remove();
  slider.closest("figcaption").remove();
}
