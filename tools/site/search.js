// Search over the index that the site's generator writes: search_index.js sets window.larder_index to [title, address, words] of each place.
// The index is fetched when somebody begins to search, by a script element, so that pages work from a folder too.
(() => {
  const root = document.currentScript.dataset.root;
  const query = document.getElementById("query");
  const found = document.getElementById("found");
  let chosen = -1;

  const load = () => {
    if (document.getElementById("search-index")) return;
    const script = document.createElement("script");
    script.id = "search-index";
    script.src = root + "search_index.js";
    script.onload = show;
    document.head.append(script);
  };

  // How well a place answers; 0 where a word is missing.
  const score = ([title, , words], wanted) => {
    const name = title.toLowerCase();
    const text = words.toLowerCase();
    let sum = 0;
    for (const word of wanted) {
      if (name === word) sum += 100;
      else if (name.startsWith(word)) sum += 40;
      else if (name.includes(word)) sum += 20;
      else if (text.includes(word)) sum += 3;
      else return 0;
    }
    return sum + 10 / (1 + title.length);
  };

  const show = () => {
    const wanted = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    found.replaceChildren();
    chosen = -1;
    found.hidden = wanted.length === 0 || !window.larder_index;
    if (found.hidden) return;
    const best = window.larder_index
      .map((place) => [score(place, wanted), place])
      .filter(([points]) => points > 0)
      .sort(([a], [b]) => b - a)
      .slice(0, 20);
    for (const [, [title, address, words]] of best) {
      const link = document.createElement("a");
      link.href = root + address;
      link.textContent = title;
      const about = document.createElement("small");
      about.textContent = words.slice(0, 110);
      link.append(about);
      const item = document.createElement("li");
      item.append(link);
      found.append(item);
    }
    if (best.length === 0) {
      const nothing = document.createElement("li");
      nothing.textContent = "Nothing has all of these words.";
      found.append(nothing);
    }
  };

  query.addEventListener("focus", load);
  query.addEventListener("input", show);
  query.addEventListener("keydown", (event) => {
    const links = [...found.querySelectorAll("a")];
    if (event.key === "Escape") {
      query.value = "";
      show();
    } else if (event.key === "Enter" && links.length > 0) {
      links[Math.max(chosen, 0)].click();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      chosen = Math.max(0, Math.min(links.length - 1, chosen + (event.key === "ArrowDown" ? 1 : -1)));
      links.forEach((link, i) => link.classList.toggle("chosen", i === chosen));
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea")) return;
    event.preventDefault();
    query.focus();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".search")) found.hidden = true;
  });
})();
