// `form[data-shares]`: number fields beside sliders that together make 100; moving one takes from the others in proportion.

export function startShares(): void {
  document.addEventListener("input", (event) => {
    const field = event.target as HTMLInputElement;
    const form = field.closest<HTMLFormElement>("form[data-shares]");
    if (form && field.closest(".portion")) move(form, field);
  });
}

function move(form: HTMLFormElement, field: HTMLInputElement): void {
  const numbers = [...form.querySelectorAll<HTMLInputElement>(".portion input[type=number]")];
  const own = field.closest(".portion")?.querySelector<HTMLInputElement>("input[type=number]");
  const at = numbers.findIndex((each) => each === own);
  const shares = numbers.map((each) => Number(each.value) || 0);
  shares[at] = Math.min(100, Math.max(0, Math.round(Number(field.value) || 0)));
  const others = spread(shares, at);
  numbers.forEach((each, place) => {
    if (each !== field) each.value = String(others[place]); // what is being typed stays as it is typed
    const slider = each.closest(".portion")?.querySelector<HTMLInputElement>("input[type=range]");
    if (slider && slider !== field) slider.value = String(others[place]);
  });
  const sum = numbers.reduce((total, each) => total + (Number(each.value) || 0), 0);
  const said = form.querySelector<HTMLElement>("[data-sum]");
  if (said) {
    said.textContent = (sum === 100 ? said.dataset.exact : said.dataset.wrong?.replace("{sum}", String(sum))) ?? "";
    said.classList.toggle("tone-bad", sum !== 100);
  }
  const save = form.querySelector<HTMLButtonElement>("button.primary");
  if (save) save.disabled = sum !== 100;
}

/** The shares with all but the one at `kept` scaled so that the sum is 100; whole numbers, the last of the others takes the rest. */
export function spread(shares: number[], kept: number): number[] {
  const rest = 100 - (shares[kept] ?? 0);
  const others = shares.map((_, place) => place).filter((place) => place !== kept);
  const sum = others.reduce((total, place) => total + (shares[place] ?? 0), 0);
  const out = [...shares];
  let left = rest;
  others.forEach((place, turn) => {
    const part = sum > 0 ? Math.floor((rest * (shares[place] ?? 0)) / sum) : turn === 0 ? rest : 0;
    out[place] = part;
    left -= part;
  });
  const taker = others.find((place) => (shares[place] ?? 0) > 0) ?? others[0];
  if (taker !== undefined) out[taker] = (out[taker] ?? 0) + left;
  return out;
}
