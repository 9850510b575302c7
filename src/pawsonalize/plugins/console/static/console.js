// Parts of a page that say data-every="seconds" are fetched anew and replaced; without this script
// one reloads the page. Nothing else on it changes, and nothing is lost that somebody opened.
for (const first of document.querySelectorAll('[data-every]')) {
  const id = first.id;
  let shown = first.innerHTML; // as it came: charts change what is there
  const again = () => setTimeout(refresh, 1000 * (document.getElementById(id)?.dataset.every ?? 0));
  const refresh = async () => {
    const old = document.getElementById(id);
    if (!old || !('every' in old.dataset)) return;
    const isBusy = (old.contains(document.activeElement) && document.activeElement !== document.body)
      || old.querySelector('.plot:hover');
    if (!document.hidden && !isBusy) {
      try {
        const answer = await fetch(location.href, { credentials: 'same-origin' });
        if (answer.ok && !answer.redirected) {
          const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
          const fresh = page.getElementById(id);
          if (fresh && fresh.innerHTML !== shown) {
            shown = fresh.innerHTML;
            const open = [...old.querySelectorAll('details')].map((one) => one.open);
            fresh.querySelectorAll('details').forEach((one, n) => { one.open = open[n] ?? one.open; });
            old.replaceWith(fresh);
            document.dispatchEvent(new Event('refreshed'));
          }
        }
      } catch { /* the service is away: ask again later */ }
    }
    again();
  };
  again();
}

// "/" goes to the quick search, unless somebody is writing.
document.addEventListener('keydown', (event) => {
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (event.key !== '/' || !isPlain || event.target.closest('input, textarea, select')) return;
  event.preventDefault();
  document.getElementById('quick')?.focus();
});

// A form that says data-drop takes a file that is dropped on it, and says when the file was written;
// without this script one chooses it, and it counts as written now.
for (const form of document.querySelectorAll('form[data-drop]')) {
  const { file, written } = form.elements;
  const note = () => { written.value = file.files[0]?.lastModified ?? ''; };
  file.addEventListener('change', note);
  for (const kind of ['dragover', 'dragleave', 'drop']) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.toggle('over', kind === 'dragover');
      if (kind !== 'drop' || !event.dataTransfer.files.length) return;
      const one = new DataTransfer();
      one.items.add(event.dataTransfer.files[0]);
      file.files = one.files;
      note();
    });
  }
}
