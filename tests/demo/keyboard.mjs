// The whole story by keyboard alone: nothing is clicked, and no script moves the focus. What is pressed is reached with
// Tab, every stop on the way shows where the keyboard is, and after a dialog it is where it was before.
// usage: node keyboard.mjs URL FOLDER_FOR_SCREENSHOTS. Prints `N passed, N failed`; exits 1 where anything failed.
import { WAIT, expect, open, sees } from './stage.mjs';

const { page, step, shot, end } = await open(process.argv);
const rita = page.frameLocator('#left-frame');
const bob = page.frameLocator('#right-frame');
const orders = page.frameLocator('.target');
const keys = async (...all) => { for (const key of all) await page.keyboard.press(key); };
const types = (text) => page.keyboard.type(text);

// --- where the keyboard is -------------------------------------------------------------------

/** The control that has the keyboard: the frame it is in, what it is called, and whether that can be seen. */
async function focus() {
  let frame = page.mainFrame();
  let where = 'demo';
  for (;;) {
    const found = (await frame.evaluateHandle(() => document.activeElement)).asElement();
    const inner = await found?.contentFrame();
    if (!found || !inner) {
      const about = await found?.evaluate((one) => {
        const style = getComputedStyle(one);
        const around = one.closest('.composer');
        const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
        const name = one.getAttribute('aria-label') || one.labels?.[0]?.innerText || one.placeholder || one.innerText || '';
        return {
          id: one.id, tag: one.tagName.toLowerCase(), name: name.trim().slice(0, 80), text: one.innerText ?? '', message: one.matches('.message'),
          key: one.dataset.key ?? '', invalid: one.getAttribute('aria-invalid') === 'true', value: one.value ?? '',
          visible: ring || (around !== null && getComputedStyle(around).boxShadow !== 'none'),
        };
      }).catch(() => undefined);
      // A frame that was just left for another page.
      if (!about) { frame = page.mainFrame(); where = 'demo'; continue; }
      return { where, ...about };
    }
    where = (await found.getAttribute('id')) || (await found.getAttribute('class'));
    frame = inner;
  }
}
const told = (at) => `${at.where}: ${at.tag} “${at.name || at.id}”`;
const named = (name) => (at) => (name instanceof RegExp ? name.test(at.name) : at.name === name);
const inField = (id) => (at) => at.id === id;

/** Presses Tab until the keyboard is there. */
async function reach(where, wanted, { back = false, most = 200 } = {}) {
  const passed = [];
  for (let stop = 0; stop < most; stop += 1) {
    await keys(back ? 'Shift+Tab' : 'Tab');
    const at = await focus();
    if (at.tag !== 'body' && at.tag !== 'iframe') expect(at.visible, `nobody sees that the keyboard is on ${told(at)}`);
    if (at.where === where && wanted(at)) return at;
    passed.push(told(at));
  }
  throw new Error(`not reached by keyboard in ${where}; last ${passed.slice(-4).join(', ')}`);
}
/** Waits until the keyboard is where `wanted` says. */
async function rests(what, wanted) {
  const until = Date.now() + WAIT;
  let at;
  do {
    at = await focus();
    if (wanted(at)) {
      expect(at.visible, `nobody sees that the keyboard is on ${told(at)}`);
      return at;
    }
    await page.waitForTimeout(20);
  } while (Date.now() < until);
  throw new Error(`${what}: the keyboard is on ${told(at)}`);
}
const presses = async (where, name, options) => { await reach(where, named(name), options); await keys('Enter'); };
/** Somebody else sits down at the left screen: chosen by typing the name. */
async function becomes(name, option) {
  await reach('demo', inField('left-who'), { back: true });
  await types(name);
  await rita.getByText(`You are ${option}`).waitFor();
  await reach('left-frame', inField('composer'));
}
const goes = async (channel) => {
  await reach('left-frame', (at) => at.tag === 'a' && at.name.includes(channel), { back: true });
  await keys('Enter');
  await rita.getByRole('heading', { name: channel }).waitFor();
  await rests('the composer of the channel', (at) => at.where === 'left-frame' && at.id === 'composer');
};

// --- the story -------------------------------------------------------------------------------

await step('both people and the target are there', async () => {
  await rita.locator('#composer').waitFor();
  await bob.locator('#composer').waitFor();
  await sees(orders, 'Nobody. An approved request puts somebody here.');
});
await step('Rita types the command, which Tab completes, and asks', async () => {
  await reach('left-frame', inField('composer'));
  await types('/prod-ac');
  await rita.locator('#commands').getByText('/prod-access').waitFor();
  await keys('Tab');
  await types('db-admin 1h orders stuck');
  await keys('Enter');
  await bob.getByRole('button', { name: /^Approve 1/ }).waitFor();
  await rests('asking leaves the composer to write on', (at) => at.id === 'composer' && at.where === 'left-frame');
});
await step('Bob leaves a modal with Escape, and is where he was', async () => {
  await presses('right-frame', 'Deny');
  await rests('why not', (at) => at.name.startsWith('Why not'));
  await types('no');
  await shot('keyboard-1-deny');
  await keys('Escape');
  await rests('back on the button', (at) => at.where === 'right-frame' && at.name === 'Deny');
});
await step('Bob approves it for less, with a note', async () => {
  await presses('right-frame', 'Approve for less', { back: true });
  await rests('for how long', (at) => at.name === 'For how long');
  await types('30');
  await reach('right-frame', named(/^Note/));
  await types('half an hour is plenty');
  await shot('keyboard-2-less');
  await presses('right-frame', 'Approve');
  await orders.getByText('orders_admin').first().waitFor();
  await bob.getByText('half an hour is plenty').first().waitFor();
  await bob.getByText(/^Active until/).first().waitFor();
  await rests('its buttons are gone, so the card has the keyboard', (at) => at.where === 'right-frame' && at.message && at.text.includes('db-admin for'));
  await shot('keyboard-3-approved');
});
await step('the target lets Rita read an order', async () => {
  await presses('target', 'Try: read an order as Rita');
  await sees(orders, 'Order 4711');
});
await step('the warning comes, and Rita extends from it', async () => {
  await presses('demo', 'Next event', { back: true });
  await page.getByText('Time moved by').waitFor();
  await rests('the button can be pressed again', (at) => at.name === 'Next event');
  await reach('left-frame', inField('composer'));
  await goes('Hallpass');
  await rita.getByText(/ends in 15 min/).first().waitFor();
  await presses('left-frame', /^Extend 1/, { back: true });
  await rita.getByText(/Extended by 1 hour/).first().waitFor();
  await rita.getByText(/You have db-admin/).first().waitFor();
  await rests('the message that follows the access', (at) => at.where === 'left-frame' && at.message && at.text.includes('You have'));
  await shot('keyboard-4-extended');
});
await step('Rita ends it now: asked first, kept with Escape, then done', async () => {
  await presses('left-frame', 'End now');
  await rests('what does nothing has the keyboard', (at) => at.name === 'Keep');
  await shot('keyboard-5-end-now');
  await keys('Escape');
  await rests('back on the button', (at) => at.name === 'End now');
  await keys('Enter');
  await rests('asked again', (at) => at.name === 'Keep');
  await presses('left-frame', 'End now');
  await sees(orders, 'Nobody. An approved request puts somebody here.');
  await rita.getByText(/given back by its holder/).first().waitFor();
  await rests('the message that had the button', (at) => at.where === 'left-frame' && at.message && at.text.toLowerCase().includes('ended'));
});
await step('Carol breaks the glass for Rita', async () => {
  await becomes('Carol', 'Carol Mendes');
  await types('/prod-access break-glass db-admin for @rita 30m INC-4711 orders are down');
  await keys('Enter');
  await orders.getByText('orders_admin').first().waitFor();
  await shot('keyboard-6-break-glass');
});
await step('Eve reviews it, and takes the access away', async () => {
  await becomes('Eve', 'Eve Tanaka');
  await goes('security');
  await presses('left-frame', 'Review the use', { back: true });
  await rests('how it was used', (at) => at.name === 'How was it used?');
  await types('As');
  await reach('left-frame', named(/^What you saw/));
  await types('one look at the orders');
  await presses('left-frame', 'Record review');
  await rita.getByText(/Reviewed by/).first().waitFor();
  await rita.getByText(/as it should be/).first().waitFor();
  await rests('the card, or its other button', (at) => at.where === 'left-frame' && (at.message || at.tag === 'button'));
  await reach('left-frame', inField('composer'));
  await presses('left-frame', 'Revoke access', { back: true });
  await rests('asked first', (at) => at.name === 'Keep');
  await presses('left-frame', 'Revoke access');
  await sees(orders, 'Nobody. An approved request puts somebody here.');
  await shot('keyboard-7-reviewed');
});
await step('a thread is opened, answered, and left where it was opened', async () => {
  await goes('access-requests');
  await reach('left-frame', named(/^\d+ repl/), { back: true });
  await keys('Enter');
  await rests('the reply', (at) => at.where === 'left-frame' && at.id === 'reply');
  await types('seen');
  await keys('Enter');
  await rita.locator('#replies').getByText('seen', { exact: true }).waitFor();
  await keys('Escape');
  await rests('the thread that was left', (at) => at.where === 'left-frame' && /^\d+ repl/.test(at.name));
});
await step('in the form, mistakes stand at their fields and are put right', async () => {
  await becomes('Rita', 'Rita Okafor');
  await types('/prod-access');
  await keys('Enter');
  await rests('the first field', (at) => at.where === 'left-frame' && at.name === 'Role');
  await types('orders-e');
  await rita.locator('#modal').getByText("Export orders with customers").first().waitFor();
  await rests('still the role', (at) => at.name === 'Role' && at.value === 'orders-export');
  await reach('left-frame', named(/own words/));
  await types('9h');
  await reach('left-frame', named('Why you need it'));
  await types('a report is due');
  await presses('left-frame', 'Ask');
  await rests('the first that is wrong', (at) => at.invalid && /own words/.test(at.name));
  await rita.locator('#modal').getByText(/INC-4711/).last().waitFor();
  await shot('keyboard-8-wrong');
  await keys('Control+a');
  await types('30m');
  await reach('left-frame', named('Why you need it'));
  await keys('Control+Home');
  await types('INC-4711 ');
  await presses('left-frame', 'Ask');
  await rita.locator('#modal').getByText('Waits for').waitFor();
  await shot('keyboard-9-asked');
  await keys('Escape');
  await rita.locator('#modal[open]').waitFor({ state: 'detached' });
  await rests('the composer', (at) => at.where === 'left-frame' && at.id === 'composer');
});
await step('Bob denies it with a reason', async () => {
  await reach('right-frame', inField('composer'));
  await presses('right-frame', 'Deny', { back: true });
  await rests('why not', (at) => at.name.startsWith('Why not'));
  await types('the copy will do');
  await presses('right-frame', 'Deny');
  await bob.getByText(/Denied by/).last().waitFor();
  await rests('the card', (at) => at.where === 'right-frame' && at.message && at.text.includes('the copy will do'));
});
await step("Rita's home shows all of it, and asks anew", async () => {
  await reach('left-frame', inField('composer'), { back: true });
  await goes('Hallpass');
  await reach('left-frame', (at) => at.tag === 'a' && at.name === 'Home', { back: true });
  await keys('Enter');
  await rita.getByText('What you asked for').first().waitFor();
  await rita.getByText(/Denied by/).first().waitFor();
  await rests('the home', (at) => at.where === 'left-frame' && at.id === 'stream');
  await shot('keyboard-10-home');
  await presses('left-frame', 'Request access');
  await rests('the form', (at) => at.name === 'Role');
  await keys('Escape');
  await rests('back on the button', (at) => at.where === 'left-frame' && at.name === 'Request access');
});
await end();
