// The demo's story in a real browser, by mouse: asked, approved, seen in the target, warned, gone.
// usage: node story.mjs URL FOLDER_FOR_SCREENSHOTS. Prints `N passed, N failed`; exits 1 where anything failed.
import { open, sees } from './stage.mjs';

const { page, step, shot, end } = await open(process.argv);
const rita = page.frameLocator('#left-frame');
const bob = page.frameLocator('#right-frame');
const orders = page.frameLocator('.target');
const becomes = (id, account) => page.locator(id).selectOption(account);
const types = async (text) => {
  await rita.locator('#composer').fill(text);
  await rita.locator('#composer').press('Enter');
};

await step('the page opens with both people and the target', async () => {
  await rita.locator('#composer').waitFor();
  await bob.locator('#composer').waitFor();
  await sees(orders, 'Nobody. An approved request puts somebody here.');
  await shot('1-opened');
});
await step('without access the target refuses', async () => {
  await orders.getByRole('button', { name: 'Try: read an order as Rita' }).click();
  await sees(orders, 'Permission denied for table orders.');
});
await step('a guest is refused', async () => {
  await becomes('#left-who', 'U0GUS');
  await rita.getByText('You are Gus Weber').waitFor();
  await types('/prod-access db-admin 2m orders stuck');
  await rita.getByText('Only visible to you').first().waitFor();
  await becomes('#left-who', 'U0RITA');
  await rita.getByText('You are Rita Okafor').waitFor();
});
await step('what is wrong is told at once', async () => {
  await types('/prod-access db-amdin 9h');
  await sees(rita, 'db-admin');
  await shot('2-wrong');
});
await step('Rita asks by keyboard, and the card reaches Bob', async () => {
  await types('/prod-access db-admin 2m orders stuck');
  await bob.getByRole('button', { name: /^Approve \d/ }).waitFor();
  await shot('3-asked');
});
await step("Rita can't approve her own request", async () => {
  await rita.getByText('access-requests').click();
  await rita.getByRole('button', { name: /^Approve \d/ }).click();
  await rita.getByText('Only visible to you').first().waitFor();
  await shot('4-cheated');
});
await step('Bob approves, and the target gives access', async () => {
  await bob.getByRole('button', { name: /^Approve \d/ }).click();
  await orders.getByText('orders_admin').first().waitFor();
  await bob.getByRole('button', { name: /^Approve \d/ }).waitFor({ state: 'detached' });
});
await step('the target shows Rita an order', async () => {
  await orders.getByRole('button', { name: 'Try: read an order as Rita' }).click();
  await sees(orders, 'Order 4711');
  await shot('5-granted');
});
await step('the warning comes before the end', async () => {
  await page.getByRole('button', { name: 'Next event' }).click();
  await page.getByText('Time moved by').waitFor();
  await rita.getByText(/repl/i).first().click();
  await rita.locator('#replies').getByText(/ends in/).waitFor();
  await shot('6-warned');
});
await step('the access goes at its end, and Slack says so', async () => {
  await page.getByRole('button', { name: 'Next event' }).click();
  await sees(orders, 'Nobody. An approved request puts somebody here.');
  await rita.locator('#replies').getByText(/’s db-admin .*ended/).waitFor();
  await orders.getByRole('button', { name: 'Try: read an order as Rita' }).click();
  await sees(orders, 'Permission denied for table orders.');
  await shot('7-gone');
});
await step('the bot is killed with a grant live, and takes it away after its return', async () => {
  await rita.getByRole('link', { name: 'Close the thread' }).click();
  await types('/prod-access db-admin 3m again');
  await bob.getByRole('button', { name: /^Approve \d/ }).last().click();
  await orders.getByText('orders_admin').first().waitFor();
  // Killed before that is on record, the access would rightly last from the bot's return.
  await bob.getByText(/^Active until/).last().waitFor();
  await page.getByRole('button', { name: 'Kill the bot' }).click();
  await page.getByRole('button', { name: 'Start the bot' }).waitFor();
  await page.getByRole('button', { name: '+10 min' }).click();
  await shot('8-killed');
  await page.getByRole('button', { name: 'Start the bot' }).click();
  await sees(orders, 'Nobody. An approved request puts somebody here.');
});
await step('Rita asks in the form', async () => {
  await types('/prod-access');
  const role = rita.locator('#modal').getByLabel('Role');
  await role.waitFor();
  await role.selectOption('db-admin');
  await rita.locator('#modal').getByText('Read and write').first().waitFor();
  await shot('9-form');
  const why = rita.locator('#modal').getByLabel('Why you need it');
  await why.fill('a report is due');
  await rita.locator('#modal').getByRole('button', { name: 'Ask', exact: true }).click();
  await rita.locator('#modal').getByText('Waits for').waitFor();
  await rita.locator('#modal').getByRole('button', { name: 'Close' }).first().click();
  await rita.locator('#modal[open]').waitFor({ state: 'detached' });
  await bob.getByText('a report is due').first().waitFor();
});
await step('Bob denies it with a reason', async () => {
  await bob.getByRole('button', { name: 'Deny' }).last().click();
  const why = bob.locator('#modal').getByLabel('Why not, and what would do instead');
  await why.waitFor();
  await why.fill('the copy will do');
  await shot('10-deny');
  await bob.locator('#modal').getByRole('button', { name: 'Deny' }).click();
  await bob.getByText(/Denied by/).last().waitFor();
  await bob.getByText('the copy will do').first().waitFor();
});
await step("Rita's home shows what became of it", async () => {
  await rita.getByRole('link', { name: 'Hallpass' }).first().click();
  await rita.getByRole('link', { name: 'Home' }).click();
  await rita.getByText('What you asked for').first().waitFor();
  await rita.getByText(/Denied by/).first().waitFor();
  await shot('11-home');
});
await step('at phone width nothing is cut off', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) throw new Error(`${overflow} px wider than the window`);
  await shot('12-phone');
});
await end();
