// Looks every second whether anything was written; keeps what was chosen and how far down the reader was.
'use strict';

const DEFAULTS = { width: 'desktop', scheme: 'light', part: 'mail' };
const body = document.body;
const watching = document.getElementById('watching');

const fit = frame => {
  const page = frame.contentDocument;
  if (page && page.body && frame.offsetWidth) {
    frame.style.height = '0';
    frame.style.height = page.documentElement.scrollHeight + 'px';
  }
};
const fitAll = () => document.querySelectorAll('iframe').forEach(fit);

const choose = (name, value) => {
  body.dataset[name] = value;
  sessionStorage.setItem(name, value);
  fitAll();
};

for (const [name, usual] of Object.entries(DEFAULTS)) {
  const chosen = sessionStorage.getItem(name) || usual;
  for (const input of document.querySelectorAll(`input[name=${name}]`)) {
    input.checked = input.value === chosen;
    input.addEventListener('change', () => choose(name, input.value));
  }
  body.dataset[name] = chosen;
}
const stay = () => {
  const at = sessionStorage.getItem('at');
  sessionStorage.removeItem('at');
  if (at) { window.scrollTo(0, Number(at)); }
};
let waiting = 0;
for (const frame of document.querySelectorAll('iframe')) {
  if (frame.contentDocument && frame.contentDocument.readyState === 'complete' && frame.contentDocument.body.childNodes.length) {
    fit(frame);
  } else {
    waiting += 1;
    frame.addEventListener('load', () => { fit(frame); waiting -= 1; if (!waiting) { stay(); } });
  }
}
if (!waiting) { stay(); }
document.querySelector('select').addEventListener('change', event => event.target.form.submit());
window.addEventListener('resize', fitAll);

const look = async () => {
  let again = 1000;
  try {
    const answer = await fetch('/state', { cache: 'no-store' });
    const state = await answer.text();
    watching.textContent = 'Watching for changes';
    if (answer.ok && state !== body.dataset.state) {
      sessionStorage.setItem('at', String(window.scrollY));
      location.reload();
      return;
    }
  } catch {
    watching.textContent = 'The preview was stopped';
    again = 3000;
  }
  setTimeout(look, again);
};
setTimeout(look, 1000);
