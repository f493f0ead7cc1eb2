// Says when a security key was not used; allauth's own script would only write it to the console.

const line = document.getElementById("key-problem");

if (!globalThis.PublicKeyCredential) line.textContent = line.dataset.missing;

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  line.textContent = globalThis.PublicKeyCredential ? line.dataset.failed : line.dataset.missing;
});
