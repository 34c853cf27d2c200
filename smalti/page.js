// Made from smalti/page.md by make tangle; edit that.
const veil = document.getElementById("veil");
veil.src = document.getElementById("target").src;
document.querySelector("input").oninput = event => {
  veil.style.opacity = event.target.value / 100;
};
