// Before anything is drawn: the colors that were chosen last. Not a module, for those run too late.
"use strict";
{
  let theme = "auto";
  try {
    theme = localStorage.getItem("vidlab.theme") || "auto";
  } catch {
    // storage is switched off: the system's colors will do
  }
  if (theme !== "auto") document.documentElement.dataset.theme = theme;
}
