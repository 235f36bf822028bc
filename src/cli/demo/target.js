// Keeps the strip current and shows times in the reader's zone. Buttons post; what follows comes back as an event.
const strip = document.getElementById("strip");

const localise = () => {
  for (const time of strip.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    // As in the Slack frames above.
    time.textContent = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    time.title = at.toLocaleString([], { dateStyle: "full", timeStyle: "long" });
  }
};

const refresh = async () => {
  const focused = document.activeElement?.dataset?.post;
  const answer = await fetch("/strip");
  if (!answer.ok) return;
  strip.innerHTML = await answer.text();
  localise();
  if (focused) strip.querySelector(`[data-post="${focused}"]`)?.focus();
};

strip.addEventListener("click", (event) => {
  const to = event.target.dataset?.post;
  if (to) fetch(to, { method: "POST" });
});

const events = new EventSource("/events");
events.onmessage = refresh;
localise();
