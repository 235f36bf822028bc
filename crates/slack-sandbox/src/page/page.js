// Sends what people do, and fetches the page again after every change. No state of its own.
'use strict';
const body = document.body, me = body.dataset.as, channel = body.dataset.channel;
const find = (query, root = document) => root.querySelector(query);
const every = (query, root = document) => [...root.querySelectorAll(query)];
const offset = () => Number(find('#banner').dataset.offset) * 1000;

// --- talking to the sandbox ------------------------------------------------------------------

const reasons = {
  operation_timeout: 'The app didn’t answer within three seconds (operation_timeout).',
  dispatch_failed: 'The app couldn’t be reached or answered with an error (dispatch_failed).',
  slack_is_down: 'Slack is down. Nothing was sent.',
  account_inactive: 'This account is deactivated.',
  not_in_channel: 'You are not a member of this channel.',
  no_such_action: 'This button is no longer there.',
  message_not_found: 'This message is no longer there.',
  view_not_found: 'This form is no longer open.',
  invalid_response: 'The app’s answer was not one that Slack understands.',
};
let hiding;
function toast(text) {
  find('#toast').textContent = text;
  clearTimeout(hiding);
  hiding = setTimeout(() => { find('#toast').textContent = ''; }, 6000);
}
async function send(verb, what) {
  try {
    const response = await fetch('/sandbox/' + verb, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ as: me, ...what }),
    });
    if (!response.ok) throw new Error(response.status);
    return await response.json();
  } catch { return { error: 'unreachable', errors: {} }; }
}
function complain(outcome) {
  if (outcome.error && !outcome.shown && outcome.error !== 'incomplete') {
    toast(reasons[outcome.error] || (outcome.error === 'unreachable' ? 'The sandbox doesn’t answer.' : 'It didn’t work: ' + outcome.error));
  }
}

// --- times in the reader's zone --------------------------------------------------------------

const ordinal = day => day + (day % 10 === 1 && day !== 11 ? 'st' : day % 10 === 2 && day !== 12 ? 'nd' : day % 10 === 3 && day !== 13 ? 'rd' : 'th');
const dayOf = date => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
function nearby(date) {
  const days = Math.round((dayOf(date) - dayOf(new Date(Date.now() + offset()))) / 864e5);
  return { '-1': 'yesterday', 0: 'today', 1: 'tomorrow' }[days];
}
function ago(date) {
  const seconds = Math.round((date - Date.now() - offset()) / 1000), size = Math.abs(seconds);
  const [unit, length] = size < 60 ? ['second', 1] : size < 3600 ? ['minute', 60] : size < 86400 ? ['hour', 3600] : ['day', 86400];
  return new Intl.RelativeTimeFormat([], { numeric: 'auto' }).format(Math.round(seconds / length), unit);
}
function written(date, token) {
  const part = options => date.toLocaleDateString('en-US', options);
  const pretty = plain => nearby(date) || plain;
  const long = part({ month: 'long' }) + ' ' + ordinal(date.getDate()) + ', ' + date.getFullYear();
  const short = part({ month: 'short', day: 'numeric', year: 'numeric' });
  const full = part({ weekday: 'long' }) + ', ' + long;
  switch (token) {
    case 'date_num': return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(n => String(n).padStart(2, '0')).join('-');
    case 'date_slash': return part({ year: 'numeric', month: '2-digit', day: '2-digit' });
    case 'date': return long;
    case 'date_short': return short;
    case 'date_long': return full;
    case 'date_pretty': return pretty(long);
    case 'date_short_pretty': return pretty(short);
    case 'date_long_pretty': case 'day_divider_pretty': return pretty(full);
    case 'time': return date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    case 'time_secs': return date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
    case 'ago': return ago(date);
  }
}
const capital = text => text.charAt(0).toUpperCase() + text.slice(1);
function localise(root) {
  for (const time of every('time[data-unix]', root)) {
    const date = new Date(Number(time.dataset.unix) * 1000);
    const text = time.dataset.format.replace(/\{(\w+)\}/g, (whole, token) => written(date, token) ?? whole);
    time.textContent = text;
    time.dateTime = date.toISOString();
    time.title = date.toLocaleString([], { dateStyle: 'full', timeStyle: 'long' }) + ' · ' + date.toISOString().replace('.000Z', ' UTC').replace('T', ' ');
  }
  for (const input of every('input[data-initial]', root)) {
    const date = new Date(Number(input.dataset.initial) * 1000);
    input.value = new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  }
  for (const stream of every('.stream', root).concat(root.matches?.('.stream') ? [root] : [])) days(stream);
}
function days(stream) {
  let last;
  for (const message of every('.message', stream)) {
    const date = new Date(Number(message.dataset.ts) * 1000);
    if (dayOf(date) !== last) {
      const line = document.createElement('p');
      line.className = 'day';
      line.textContent = capital(nearby(date) || date.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long' }));
      message.before(line);
    }
    last = dayOf(date);
  }
}

// --- keeping fresh ---------------------------------------------------------------------------

const seen = new Map();
const atEnd = stream => stream.scrollHeight - stream.scrollTop - stream.clientHeight < 80;
const toEnd = () => every('[role=log]').forEach(stream => { stream.scrollTop = stream.scrollHeight; });
let fetching = false, again = false;
async function refresh() {
  if (fetching) { again = true; return; }
  fetching = true;
  try {
    const response = await fetch(location.href);
    const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
    if (response.ok) every('[data-live]', fresh).forEach(exchange);
  } catch { offline(true); }
  fetching = false;
  if (again) { again = false; refresh(); }
}
function exchange(fresh) {
  const html = fresh.innerHTML, old = document.getElementById(fresh.id);
  if (!old || seen.get(fresh.id) === html) return;
  seen.set(fresh.id, html);
  if (fresh.dataset.offset) old.dataset.offset = fresh.dataset.offset;
  const inModal = fresh.id === 'modal-content', follow = atEnd(old);
  const focused = old.contains(document.activeElement) ? placeOf(document.activeElement) : null;
  const typed = inModal ? entered(old) : null;
  old.innerHTML = html;
  localise(old);
  if (follow && old.getAttribute('role') === 'log') old.scrollTop = old.scrollHeight;
  if (inModal) { restore(old, typed); mark(old); showModal(); }
  if (focused && (!inModal || modal.open) && !old.contains(document.activeElement)) comeBack(focused, old);
}

// Where the keyboard is, and back there after what it was on was exchanged: the same control, else the message it stood
// in, else what holds it. Focus never falls to the page's top.
const placeOf = element => ({
  key: element?.dataset?.key, id: element?.id, ts: element?.closest('.message')?.dataset.ts, live: element?.closest('[data-live]')?.id,
});
function comeBack(place, root = document) {
  const same = place.key ? find(`[data-key="${CSS.escape(place.key)}"]`, root) : place.id ? find('#' + CSS.escape(place.id), root) : null;
  const message = place.ts ? find(`.message[data-ts="${CSS.escape(place.ts)}"]`, root) : null;
  const inModal = modal.open ? find('.modal-body input, .modal-body select, .modal-body textarea, footer button', modal) : null;
  const holder = place.live ? document.getElementById(place.live) : null;
  for (const one of [same, message, inModal, holder, find('#reply'), find('#composer'), find('#stream')]) {
    one?.focus({ preventScroll: one === same });
    if (one && document.activeElement === one) return;
  }
}
function offline(yes) { const line = find('#offline'); if (line) line.hidden = !yes; }
const changes = new EventSource('/sandbox/changes');
changes.onmessage = () => { offline(false); refresh(); };
changes.onerror = () => offline(true);

// --- values ----------------------------------------------------------------------------------

function valueOf(field) {
  const kind = field.dataset.field, control = find('input, select, textarea', field);
  if (kind === 'radio_buttons') return find('input:checked', field)?.value ?? null;
  if (kind === 'checkboxes') return every('input:checked', field).map(one => one.value);
  if (kind.startsWith('multi_')) return [...control.selectedOptions].map(one => one.value);
  if (kind === 'datetimepicker') return control.value ? Math.floor(new Date(control.value) / 1000) : null;
  return control.value || null;
}
function entered(root) {
  const values = {};
  for (const field of every('[data-field]', root)) (values[field.dataset.block] ??= {})[field.dataset.action] = valueOf(field);
  return values;
}
function restore(root, values) {
  for (const field of every('[data-field]', root)) {
    const value = values[field.dataset.block]?.[field.dataset.action];
    if (value === undefined || value === null) continue;
    const many = [].concat(value).map(String);
    for (const one of every('input[type=radio], input[type=checkbox]', field)) one.checked = many.includes(one.value);
    for (const one of every('option', field)) one.selected = many.includes(one.value);
    const text = find('input:not([type=radio], [type=checkbox], [type=datetime-local]), textarea', field);
    if (text) text.value = value;
  }
}

// --- buttons, choices, confirmations ---------------------------------------------------------

function confirmed(words) {
  if (!words) return Promise.resolve(true);
  const asked = JSON.parse(words), dialog = find('#confirm'), yes = find('#confirm-yes');
  find('#confirm-title').textContent = asked.title.text;
  find('#confirm-text').textContent = asked.text.text;
  find('#confirm-no').textContent = asked.deny.text;
  yes.textContent = asked.confirm.text;
  yes.className = asked.style === 'danger' ? 'btn danger solid' : 'btn primary';
  const from = placeOf(document.activeElement);
  dialog.returnValue = 'no';
  dialog.showModal();
  find('#confirm-no').focus();
  return new Promise(done => dialog.addEventListener('close', () => {
    comeBack(from);
    done(dialog.returnValue === 'yes');
  }, { once: true }));
}
async function act(from, what) {
  const message = from.closest('[data-ts]'), view = from.closest('[data-view]');
  const place = message ? { channel: message.dataset.channel, ts: message.dataset.ts } : { view_id: view.dataset.view };
  complain(await send('act', { ...place, ...what }));
}
document.addEventListener('click', async event => {
  const pressed = event.target.closest('[data-act]');
  if (pressed && !pressed.ariaBusy) {
    if (!await confirmed(pressed.dataset.confirm)) return;
    if (pressed.dataset.url) window.open(pressed.dataset.url, '_blank', 'noopener,noreferrer');
    pressed.ariaBusy = 'true';
    await act(pressed, { block_id: pressed.dataset.block, action_id: pressed.dataset.action, value: pressed.dataset.value ?? null });
    pressed.ariaBusy = null;
  }
  if (event.target.closest('[data-menu]')) menu(!body.classList.contains('menu-open'));
  if (event.target.closest('[data-leave]')) sessionStorage.setItem(left, 'thread/' + body.dataset.thread);
  if (event.target.closest('[data-close]')) closeModal();
});
document.addEventListener('change', async event => {
  if (event.target.id === 'who') {
    location.search = new URLSearchParams({ as: event.target.value, channel });
    return;
  }
  const field = event.target.closest('[data-field]');
  const choice = event.target.closest('[data-choice]'), dispatch = !isTyped(field) && event.target.closest('[data-dispatch]');
  if (field && (choice || dispatch) && await confirmed(choice?.dataset.confirm)) {
    act(field, { block_id: field.dataset.block, action_id: field.dataset.action, value: valueOf(field) });
  }
});

// What is typed is told at Enter, as Slack does it.
const isTyped = field => ['plain_text_input', 'number_input', 'email_text_input', 'url_text_input'].includes(field?.dataset.field);
document.addEventListener('keydown', event => {
  const field = event.target.closest?.('[data-dispatch] [data-field]');
  if (event.key !== 'Enter' || event.isComposing || !isTyped(field) || event.target.tagName !== 'INPUT') return;
  event.preventDefault();
  act(field, { block_id: field.dataset.block, action_id: field.dataset.action, value: valueOf(field) });
});
const left = 'left/' + me + '/' + channel;
function menu(open) {
  body.classList.toggle('menu-open', open);
  (open ? find('#conversations a[aria-current]') || find('#conversations a') : find('#head [data-menu]'))?.focus();
}

// --- modals ----------------------------------------------------------------------------------

const modal = find('#modal');
let opener;
function showModal() {
  const form = find('form', modal);
  if (!form) { if (modal.open) { modal.close(); comeBack(opener); } return; }
  modal.setAttribute('aria-label', find('h2', form).textContent);
  if (!modal.open) { opener = placeOf(document.activeElement); modal.showModal(); }
  const shown = modal.dataset.view === form.dataset.view;
  modal.dataset.view = form.dataset.view;
  if (!shown) (find('[autofocus]', form) || find('.modal-body input, .modal-body select, .modal-body textarea', form))?.focus();
}
async function closeModal() {
  const form = find('form', modal);
  if (form) complain(await send('close', { view_id: form.dataset.view }));
}
modal.addEventListener('cancel', event => { event.preventDefault(); closeModal(); });
modal.addEventListener('submit', async event => {
  event.preventDefault();
  const form = event.target, button = find('[type=submit]', form);
  every('[data-error]', form).forEach(line => { line.textContent = ''; });
  find('[data-problem]', form).textContent = '';
  button.ariaBusy = 'true';
  const outcome = await send('submit', { view_id: form.dataset.view, values: entered(form) });
  button.ariaBusy = null;
  for (const [block, text] of Object.entries(outcome.errors || {})) {
    const line = find(`[data-error="${CSS.escape(block)}"]`, modal);
    if (line) line.textContent = text;
  }
  mark(modal)?.focus();
  if (outcome.error && outcome.error !== 'incomplete') {
    const line = find('[data-problem]', modal);
    if (line) line.textContent = reasons[outcome.error] || 'It didn’t work: ' + outcome.error;
  }
});
// What is wrong is said with its field; the first such field.
function mark(root) {
  const wrong = [];
  for (const line of every('[data-error]', root)) {
    const control = find('.field input, .field select, .field textarea', line.parentElement);
    if (!control) continue;
    line.id = line.dataset.error + '-wrong';
    control.removeAttribute('aria-invalid');
    control.removeAttribute('aria-describedby');
    if (!line.textContent) continue;
    control.setAttribute('aria-invalid', 'true');
    control.setAttribute('aria-describedby', line.id);
    wrong.push(control);
  }
  return wrong[0];
}
modal.addEventListener('keydown', event => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) find('form', modal)?.requestSubmit();
});

// --- the composer ----------------------------------------------------------------------------

const commands = find('#commands');
function offer(text) {
  if (!commands) return [];
  const typed = text.split(/\s/, 1)[0], complete = /\s/.test(text);
  const offered = every('li', commands).filter(one => {
    one.hidden = !text.startsWith('/') || !(complete ? one.dataset.name === typed : one.dataset.name.startsWith(typed));
    one.ariaSelected = null;
    return !one.hidden;
  });
  commands.hidden = !offered.length || text.includes('\n');
  if (offered[0] && !complete) offered[0].ariaSelected = 'true';
  return offered;
}
function complete(input, item) { input.value = item.dataset.name + ' '; input.focus(); offer(input.value); }
for (const form of every('[data-composer]')) {
  const input = find('textarea', form), button = find('.send', form);
  const draft = 'draft/' + me + '/' + channel + '/' + (form.dataset.thread || '');
  const grown = () => {
    input.style.height = 'auto';
    input.style.height = Math.min(input.scrollHeight, 160) + 'px';
    button.disabled = !input.value.trim();
  };
  input.value = sessionStorage.getItem(draft) || '';
  grown();
  input.addEventListener('input', () => { sessionStorage.setItem(draft, input.value); grown(); if (!form.dataset.thread) offer(input.value); });
  input.addEventListener('blur', () => setTimeout(() => { if (commands) commands.hidden = true; }, 150));
  input.addEventListener('focus', () => { if (!form.dataset.thread) offer(input.value); });
  input.addEventListener('keydown', event => {
    const list = commands && !commands.hidden && !form.dataset.thread ? every('li:not([hidden])', commands) : [];
    const at = list.findIndex(one => one.ariaSelected === 'true');
    if (at >= 0 && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault();
      list[at].ariaSelected = null;
      list[(at + (event.key === 'ArrowDown' ? 1 : -1) + list.length) % list.length].ariaSelected = 'true';
    } else if (at >= 0 && (event.key === 'Tab' || (event.key === 'Enter' && input.value !== list[at].dataset.name))) {
      event.preventDefault();
      complete(input, list[at]);
    } else if (event.key === 'Escape' && commands && !commands.hidden) {
      event.stopPropagation();
      commands.hidden = true;
    } else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener('submit', async event => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    input.value = '';
    sessionStorage.removeItem(draft);
    grown();
    if (commands) commands.hidden = true;
    toEnd();
    const outcome = await send('type', { channel, text, thread_ts: form.dataset.thread || null });
    complain(outcome);
    if (outcome.error && !outcome.shown) { input.value = text; grown(); }
    toEnd();
  });
}
commands?.addEventListener('mousedown', event => {
  const item = event.target.closest('li');
  if (item) { event.preventDefault(); complete(find('#composer'), item); }
});
document.addEventListener('keydown', event => {
  if (event.key !== 'Escape' || modal.open || find('#confirm').open) return;
  if (body.classList.contains('menu-open')) menu(false);
  else find('[data-leave]')?.click();
});

// --- at first --------------------------------------------------------------------------------

for (const part of every('[data-live]')) seen.set(part.id, part.innerHTML);
localise(document);
showModal();
toEnd();
if (body.hasAttribute('data-home')) send('home', {});
// In a frame only where the keyboard is in it already: it went here from another page of the same frame.
if ((!body.classList.contains('embedded') || document.hasFocus()) && !modal.open) {
  comeBack({ key: !body.dataset.thread && sessionStorage.getItem(left) });
}
if (!body.dataset.thread) sessionStorage.removeItem(left);
