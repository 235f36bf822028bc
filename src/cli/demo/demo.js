// Fills the frames, presses the controls, and shows what the demo says of itself.
const slack = document.body.dataset.slack;
const said = document.getElementById("said");
const clock = document.getElementById("clock");

for (const choice of document.querySelectorAll("select[data-frame]")) {
  const frame = document.getElementById(choice.dataset.frame);
  const show = () => { frame.src = `${slack}/?as=${choice.value}&channel=${choice.dataset.channel}&embed=1`; };
  choice.addEventListener("change", show);
  show();
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    said.textContent = "Copied. Paste it into Rita's message field.";
  });
}

const next = document.getElementById("next");
const upcoming = document.getElementById("upcoming");

const show = async () => {
  const answer = await fetch("/state");
  if (!answer.ok) return;
  const state = await answer.json();
  clock.textContent = state.moved_by ? `Time moved by ${state.moved_by}` : "Real time";
  clock.classList.toggle("moved", Boolean(state.moved_by));
  // The one thing to press next is the one with colour: with the bot killed that is to start it.
  const start = document.querySelector('[data-post="/break/bot"]');
  next.classList.toggle("next", !state.bot_down && Boolean(state.next));
  next.setAttribute("aria-disabled", String(state.bot_down || !state.next));
  start.classList.toggle("next", state.bot_down);
  upcoming.textContent = state.bot_down ? "The bot isn’t running" : state.next ?? "Nothing is scheduled yet";
  const broken = { slack: state.slack_down, target: state.target_down, bot: state.bot_down };
  const names = {
    slack: ["Slack down", "Bring Slack back"], target: ["Target down", "Bring the target back"], bot: ["Kill the bot", "Start the bot"],
  };
  for (const [what, down] of Object.entries(broken)) {
    const button = document.querySelector(`[data-post="/break/${what}"]`);
    button.setAttribute("aria-pressed", String(down));
    button.textContent = names[what][down ? 1 : 0];
  }
  if (state.said) said.textContent = state.said;
};

for (const button of document.querySelectorAll("[data-post]")) {
  button.addEventListener("click", async () => {
    // Not disabled: the keyboard would lose its place.
    if (button.ariaBusy) return;
    button.ariaBusy = "true";
    try {
      await fetch(button.dataset.post, { method: "POST" });
    } catch {
      said.textContent = "The demo doesn't answer. Is it still running in the terminal?";
    }
    button.ariaBusy = null;
  });
}

const events = new EventSource("/events");
events.onmessage = show;
// What is scheduled changes with what people press in Slack, too.
setInterval(() => { if (!document.hidden) show(); }, 2000);
events.onerror = () => { said.textContent = "The demo doesn't answer. Is it still running in the terminal?"; };
