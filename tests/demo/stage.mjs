// What the stories share: the browser, steps that are told, who is seen where, and where the keyboard is.
import { chromium } from 'playwright-core';
import path from 'node:path';

export const WAIT = 20_000;

/** Opens the demo. `url` and `folder` come from the command line: `node STORY.mjs URL FOLDER_FOR_SCREENSHOTS`. */
export async function open([, , url, folder], options = {}) {
  let passed = 0;
  let failed = 0;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT);
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  const shot = (name) => page.screenshot({ path: path.join(folder, `${name}.png`) });
  const step = async (what, act) => {
    try {
      await act();
      passed += 1;
      console.log(`ok      ${what}`);
    } catch (why) {
      failed += 1;
      console.log(`FAILED  ${what}: ${String(why).split('\n')[0]}`);
      await shot(`failed-${failed}`);
    }
  };
  const end = async () => {
    await step('the browser had nothing to complain about', async () => {
      if (complaints.length > 0) throw new Error(complaints.join(' | '));
    });
    await browser.close();
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed > 0 ? 1 : 0);
  };
  await page.goto(url);
  return { page, step, shot, end };
}

export const sees = (frame, text) => frame.getByText(text).first().waitFor({ timeout: WAIT });

export function expect(true_, what) {
  if (!true_) throw new Error(what);
}
