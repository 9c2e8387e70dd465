// Reads {config, pages: {name: html}} and answers {name: [{rule, line, column, message, near}]} for the pages with errors.
const path = require("path");
const modules = process.argv[2];
const { HtmlValidate, StaticConfigLoader } = require(path.join(modules, "html-validate"));
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));

const validator = new HtmlValidate(new StaticConfigLoader([], given.config));
const answer = {};
for (const [name, html] of Object.entries(given.pages)) {
  const report = validator.validateStringSync(html, `${name}.html`);
  const found = report.results.flatMap((result) => result.messages).map((m) => ({
    rule: m.ruleId, line: m.line, column: m.column, message: m.message, near: html.substr(Math.max(0, m.offset - 60), 160),
  }));
  if (found.length) answer[name] = found;
}
// One write, waited for: a pipe takes 64 KiB at a time, and process.exit would cut the rest off.
process.stdout.write(JSON.stringify(answer));
