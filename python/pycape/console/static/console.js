// What the pages do beyond forms and links; without it they are loaded again, and take text only.

// Parts that change are sent whole, as they are now, written and escaped by the server. What is the
// same as before stays, with the focus that is on it and the text that is selected.
for (const part of document.querySelectorAll("[data-changes]")) {
  let changes;
  // A browser has six connections for one address: a page that nobody sees gives its own back.
  const attend = () => {
    changes?.close();
    if (!document.hidden) changes = listen(part);
  };
  document.addEventListener("visibilitychange", attend);
  addEventListener("pagehide", () => changes?.close());
  attend();
}

function listen(part) {
  const changes = new EventSource(part.dataset.changes);
  changes.addEventListener("picture", (event) => show(part, event.data));
  changes.addEventListener("over", () => changes.close());
  return changes;
}

function show(part, picture) {
  const template = document.createElement("template");
  template.innerHTML = picture;
  renew(part, template.content);
  for (const log of part.querySelectorAll(".log")) log.scrollTop = log.scrollHeight;
}

// Of tables, rows and cells stay as well: rows are known by their ids, since new ones come first.
function renew(present, fresh) {
  const known = new Map([...present.children].map((child, place) => [child.id || place, child]));
  const wanted = [...fresh.children].map((child, place) => {
    const before = known.get(child.id || place);
    if (before?.isEqualNode(child)) return before;
    if (before?.tagName === child.tagName && /^(TABLE|TBODY|TR)$/.test(child.tagName)) {
      renew(before, child);
      return before;
    }
    before?.replaceWith(child);
    return child;
  });
  wanted.forEach((child, place) => {
    const there = present.children[place] ?? null;
    if (there !== child) present.insertBefore(child, there);
  });
  while (present.children.length > wanted.length) present.lastElementChild.remove();
}

// A file travels in the form as base64, since the form's other fields are text.
for (const form of document.querySelectorAll("form.call")) {
  const chosen = form.querySelector("input[type=file]");
  const most = Number(form.dataset.most);
  form.querySelector(".with-script").hidden = false;

  chosen.addEventListener("change", () => {
    const tooLarge = chosen.files[0]?.size > most;
    chosen.setCustomValidity(
      tooLarge ? `a page takes ${most} bytes; cape run FUNCTION -f FILE sends any size` : "",
    );
    chosen.reportValidity();
  });

  form.addEventListener("submit", (event) => {
    const file = chosen.files[0];
    if (!file) return;
    event.preventDefault();
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      form.elements.file.value = reader.result.slice(reader.result.indexOf(",") + 1);
      form.submit();
    });
    reader.readAsDataURL(file);
  });
}
