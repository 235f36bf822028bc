// Looks at the gallery as people do: light and dark, on a desk and on a phone. Nothing is cut off, all of it can be read
// (contrast of 4.5 to 1, WCAG 2.2 AA), and a card's facts and buttons stand on one screen of a small phone.
// usage: node looks.mjs GALLERY.html FOLDER_FOR_SCREENSHOTS. Prints `N passed, N failed`; exits 1 where anything failed.
import { pathToFileURL } from 'node:url';
import path from 'node:path';
import { chromium } from 'playwright-core';

const [, , gallery, folder] = process.argv;
const PHONE = { width: 360, height: 640 };
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });

/** Runs in the page; answers what is wrong with it, a line each. */
function looked() {
  const wrong = new Set();
  const colour = (text) => {
    const [red, green, blue, alpha = 1] = text.match(/[\d.]+/g).map(Number);
    return { rgb: [red, green, blue], alpha };
  };
  const light = ({ rgb }) => {
    const [red, green, blue] = rgb.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const ground = colour(getComputedStyle(one).backgroundColor);
      if (ground.alpha === 1) return ground;
    }
    return { rgb: [255, 255, 255], alpha: 1 };
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || element.closest('.sr')) continue;
    const both = [light(colour(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    if (contrast < 4.5) wrong.add(`contrast ${contrast.toFixed(2)}: “${texts.currentNode.textContent.trim().slice(0, 40)}”`);
  }
  for (const figure of document.querySelectorAll('figure')) {
    const { right } = figure.getBoundingClientRect();
    const out = [...figure.querySelectorAll('*')].find((one) => one.getBoundingClientRect().right > right + 1 && !one.closest('.sr'));
    if (out) wrong.add(`${figure.id} is cut off at the right`);
    const card = figure.id.startsWith('card_') && figure.querySelector('.message');
    if (card && card.getBoundingClientRect().height > innerHeight) wrong.add(`${figure.id} is higher than the screen`);
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.add('the page is wider than the screen');
  return { seen: document.querySelectorAll('figure').length, wrong: [...wrong] };
}

let failed = 0;
let passed = 0;
for (const colorScheme of ['light', 'dark']) {
  for (const viewport of [PHONE, { width: 1280, height: 900 }]) {
    const context = await browser.newContext({ viewport, colorScheme });
    const page = await context.newPage();
    await page.goto(pathToFileURL(gallery).href);
    const { seen, wrong } = await page.evaluate(looked);
    if (seen === 0) wrong.push('the gallery is empty');
    for (const one of wrong) console.log(`FAILED  ${colorScheme}, ${viewport.width} px: ${one}`);
    if (wrong.length === 0) console.log(`ok      ${colorScheme}, ${viewport.width} px: ${seen} looked at`);
    failed += wrong.length;
    passed += wrong.length === 0 ? 1 : 0;
    await page.screenshot({ path: path.join(folder, `gallery-${colorScheme}-${viewport.width}.png`) });
    await context.close();
  }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
