// Judges every JSON file of a folder by @slack/types: one TypeScript program, one line per file.
// usage: node types.mjs FOLDER   →   NAME<tab>first complaint, or nothing where all is well
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import ts from 'typescript';

const folder = process.argv[2];
const here = path.resolve('judged');
fs.rmSync(here, { recursive: true, force: true });
fs.mkdirSync(here);

const shapes = {
  message: '{ text: string; blocks: KnownBlock[] }',
  view: '(ModalView | HomeView) & { blocks: KnownBlock[] }',
};
const names = fs.readdirSync(folder).filter(name => name.endsWith('.json')).sort();
const sources = names.map(name => {
  const shape = shapes[name.split('-')[0]];
  const json = fs.readFileSync(path.join(folder, name), 'utf8').trim();
  const file = path.join(here, name.replace('.json', '.ts'));
  const imports = "import type { HomeView, KnownBlock, ModalView } from '@slack/types';";
  fs.writeFileSync(file, `${imports}\nexport const judged = ${json} satisfies ${shape};\n`);
  return file;
});
const program = ts.createProgram(sources, {
  strict: true, noEmit: true, skipLibCheck: true, types: [],
  module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
});
for (const [number, file] of sources.entries()) {
  const source = program.getSourceFile(file);
  const complaints = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  const first = complaints[0] && ts.flattenDiagnosticMessageText(complaints[0].messageText, ' ');
  process.stdout.write(`${names[number]}\t${(first ?? '').slice(0, 200)}\n`);
}
