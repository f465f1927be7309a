// The one script of every page: htmx, theme, menus, dialogs, local times, and the islands on demand.
import "./css/main.css";
import { showLanguages, startCopy } from "./lib/copy";
import { startDialogs } from "./lib/dialogs";
import { startForms } from "./lib/forms";
import { startHtmx } from "./lib/htmx";
import { loadIslands } from "./lib/islands";
import { startKeys } from "./lib/keys";
import { startLightbox } from "./lib/lightbox";
import { startMenus } from "./lib/menus";
import { markScrollers, startScrollers } from "./lib/scrollers";
import { startSamples } from "./lib/samples";
import { startTicks } from "./lib/ticks";
import { localTimes } from "./lib/times";
import { startShares } from "./lib/shares";
import { startTheme } from "./lib/theme";
import { startTips } from "./lib/tips";
import { startUndo } from "./lib/undo";

function upgrade(root: ParentNode): void {
  localTimes(root);
  showLanguages(root);
  loadIslands(root);
  markScrollers(root);
}

startTheme();
startMenus();
startLightbox();
startDialogs();
startCopy();
startUndo();
startForms();
startKeys();
startScrollers();
startShares();
startTicks();
startSamples();
startTips();
startHtmx(upgrade);
upgrade(document);
