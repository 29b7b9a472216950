// Replays a canvas pass by pass; without it the page shows every canvas filled.
for (const canvas of document.querySelectorAll(".canvas")) {
  const last = +canvas.dataset.passes, slider = canvas.querySelector("input"), at = canvas.querySelector(".at");
  const play = canvas.querySelector("[data-do=play]");
  const cells = [...canvas.querySelectorAll(".cells i")].map((e) => ({
    e, p: +e.dataset.p, text: e.textContent, guesses: JSON.parse(e.dataset.g || "[]"),
  }));
  let timer = 0;
  const show = (k) => {
    slider.value = k;
    at.textContent = k ? `pass ${k} of ${last}` : "all masked";
    for (const { e, p, text, guesses } of cells) {
      e.classList.toggle("open", p > k);
      e.textContent = p > k ? guesses[k - 1] || " " : text;
    }
  };
  const stop = () => { clearInterval(timer); timer = 0; play.textContent = "▶"; };
  const step = (by) => { stop(); show(Math.min(last, Math.max(0, +slider.value + by))); };
  canvas.querySelector("[data-do=back]").onclick = () => step(-1);
  canvas.querySelector("[data-do=next]").onclick = () => step(1);
  slider.oninput = () => { stop(); show(+slider.value); };
  play.onclick = () => {
    if (timer) return stop();
    if (+slider.value >= last) show(0);
    play.textContent = "❚❚";
    timer = setInterval(() => { show(+slider.value + 1); if (+slider.value >= last) stop(); }, 700);
  };
}
for (const row of document.querySelectorAll("[data-box]")) {
  const box = document.getElementById(row.dataset.box);
  row.onmouseenter = () => box.classList.add("on");
  row.onmouseleave = () => box.classList.remove("on");
}
