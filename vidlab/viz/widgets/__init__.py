"""Sliders over a clip: move one, and see at once what it does to the masks, their curves and their metrics.

`Panel` (in `panel`) is made of ipywidgets; everything that is decided, drawn and computed lies in modules
that know none. Every element that a person touches or reads has a class of its own in the page:

| class | element |
|---|---|
| `vidlab-panel` | the whole |
| `vidlab-clip`, `vidlab-masks`, `vidlab-method` | dropdowns |
| `vidlab-controls` | the controls of the method at hand; another method swaps them |
| `vidlab-tunable-NAME` | the control of one tunable: slider, slider over a grid, dropdown, or toggle |
| `vidlab-reset` | button: the method's defaults |
| `vidlab-frame`, `vidlab-play` | slider of the frame, from 0, and the player |
| `vidlab-raw`, `vidlab-stable`, `vidlab-difference` | pictures of the current frame |
| `vidlab-curves` | picture: overlap of neighboring frames, and area, with a cursor at the frame |
| `vidlab-metrics` | table of raw against stable; holds `<table>` once the whole clip is measured |
| `vidlab-status` | one line: what is being done, or what went wrong; `ready: …` when nothing is left to do |
| `vidlab-worst`, `vidlab-worst-N` | the strip of worst frames, and the button of the N-th, from 1 |
| `vidlab-tune` | button: tune for me |
| `vidlab-copy`, `vidlab-copied` | button, and the text to copy |
| `vidlab-save`, `vidlab-save-path` | button: save best.json, and where |
"""
