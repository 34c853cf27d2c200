// A heading that has the word answers better than a page that has it, the glossary best of all.
var Scorer = {
  score: ([page, , , , score, , kind]) =>
    score + (kind === "title" ? (page === "course/glossary" ? 200 : 100) : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
