// The part of the window that an on-screen keyboard leaves free, where the browser does not resize the
// page for it (Safari). In: the visual viewport. Out: a style on the page; where the browser does resize, none.

export function followViewport(body, view = window.visualViewport) {
  if (!view) return;
  const place = () => {
    // A page that the person has zoomed is theirs to move.
    const covered = view.scale < 1.01 && innerHeight - view.height > 1;
    body.classList.toggle('covered', covered);
    body.style.setProperty('--visible-top', `${view.offsetTop}px`);
    body.style.setProperty('--visible', `${view.height}px`);
  };
  for (const type of ['resize', 'scroll']) view.addEventListener(type, place);
  place();
}
