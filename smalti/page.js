// ~/~ begin <<smalti/page.md#smalti/page.js>>[init]
const veil = document.getElementById("veil");
veil.src = document.getElementById("target").src;
document.querySelector("input").oninput = event => {
  veil.style.opacity = event.target.value / 100;
};
// ~/~ end