"""The look of the inbox pages: one style sheet, light and dark."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d2330; --soft: #667085; --line: #e4e7ec; --paper: #fff; --ground: #f5f6f8;
  --accent: #2f5bd7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #2f3542; --paper: #1b1f28;
  --ground: #12151b; --accent: #8fb0ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 0 1.25rem 3rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1.5rem; padding: 1.25rem 0; }
h1 { margin: 0; font-size: 1.35rem; letter-spacing: -.01em; }
h1 a { color: inherit; text-decoration: none; }
h2 { margin: 0 0 1rem; font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere; }
h3 { margin: 1.75rem 0 .5rem; font-size: .8rem; color: var(--soft); text-transform: uppercase; letter-spacing: .06em; }
a { color: var(--accent); }
form { display: flex; gap: .5rem; flex: 1 1 16rem; max-width: 26rem; }
input, button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line);
  border-radius: 8px; padding: .4rem .75rem; }
input { flex: 1; min-width: 0; }
button { cursor: pointer; }
.count { margin: 0 0 0 auto; color: var(--soft); font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; }
.list, article { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; }
.list { display: block; overflow-x: auto; }
.list thead, .list tbody { display: table; width: 100%; table-layout: fixed; min-width: 40rem; }
.list th { text-align: left; font-size: .78rem; font-weight: 600; color: var(--soft); }
.list th, .list td { padding: .6rem .9rem; border-bottom: 1px solid var(--line); overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.list tr:last-child td { border-bottom: 0; }
.list tbody tr:hover { background: var(--ground); }
.list th:nth-child(1), .list td:nth-child(1) { width: 26%; }
.list th:nth-child(3), .list td:nth-child(3) { width: 18%; color: var(--soft); }
.list th:nth-child(4), .list td:nth-child(4) { width: 13.5rem; }
@media (max-width: 40rem) {
  .list thead, .list tbody { min-width: 0; }
  .list th:nth-child(1), .list td:nth-child(1) { width: 42%; }
  .list th:nth-child(n+3), .list td:nth-child(n+3) { display: none; }
  .fields th { width: 7rem; }
}
.subject a { color: inherit; text-decoration: none; font-weight: 600; }
.subject a:hover { text-decoration: underline; }
.when { color: var(--soft); font-variant-numeric: tabular-nums; }
article { padding: 1.5rem; }
.fields th { width: 11rem; padding: .2rem 1rem .2rem 0; text-align: left; vertical-align: top; font-weight: 500;
  color: var(--soft); }
.fields td { padding: .2rem 0; overflow-wrap: anywhere; }
details { margin-top: .75rem; }
summary { cursor: pointer; color: var(--soft); }
iframe { width: 100%; height: 80vh; min-height: 30rem; border: 1px solid var(--line); border-radius: 8px; background: #fff; }
pre { margin: 0; padding: 1rem; border: 1px solid var(--line); border-radius: 8px; background: var(--ground);
  white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.55 ui-monospace, Menlo, Consolas, "Liberation Mono", monospace; }
.empty { padding: 4rem 1rem; text-align: center; color: var(--soft); }
nav { display: flex; gap: 1.25rem; align-items: center; margin-left: auto; }
nav span { color: var(--soft); opacity: .6; }
nav b { font-weight: 500; }
.pager { justify-content: center; margin: 1.25rem 0; }
"""
