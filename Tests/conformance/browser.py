"""A page in Chromium, driven by the DevTools protocol through a pipe: no driver, no port, no network."""

import json
import os
import shutil
import subprocess
import tempfile
import time

PROGRAM = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
PATIENCE = 120
# Noted by the page itself, before any of its own scripts.
WATCH = """
    window.violations=[];
    addEventListener('securitypolicyviolation',function(e){violations.push(e.violatedDirective+' '+e.blockedURI)});
"""


class Browser:
    """One page at a time; `with Browser() as browser`."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp()
        (to_read, self.output), (self.input, to_write) = os.pipe(), os.pipe()
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "sh", PROGRAM, "--headless=new", "--disable-gpu", "--no-first-run",
             # Chromium has no sandbox for root, as whom tests run in a container. The pages are our own.
             *(["--no-sandbox"] if os.geteuid() == 0 else []),
             "--hide-scrollbars", "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={self.folder}"],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        (self.number, self.session, self.buffer, self.said, self.is_loaded) = (0, None, b"", [], False)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        return self

    def __exit__(self, *_):
        os.close(self.output)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.input)
        shutil.rmtree(self.folder, ignore_errors=True)

    def message(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.buffer:
            part = os.read(self.input, 1 << 20)
            if not part or time.monotonic() > end:
                raise RuntimeError("the browser ended, or does not answer")
            self.buffer += part
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, **parameters):
        """The answer of the browser; what it tells meanwhile of errors is kept in `said`."""
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.output, data):]
        while True:
            message = self.message()
            self.note(message)
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def note(self, message):
        parameters = message.get("params", {})
        if message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.said.append(parameters["entry"]["text"])
        if message.get("method") == "Runtime.exceptionThrown":
            self.said.append(json.dumps(parameters["exceptionDetails"])[:300])
        if message.get("method") == "Runtime.consoleAPICalled":
            self.said.append(" ".join(str(a.get("value")) for a in parameters["args"]))
        self.is_loaded = self.is_loaded or message.get("method") == "Page.loadEventFired"

    def open(self, path, width, height=900, **media):
        """Loads a file at a width in CSS pixels, with features of media (`prefers_color_scheme="dark"`)."""
        self.said = []
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.call("Emulation.setEmulatedMedia", media="", features=features)
        self.is_loaded = False
        self.call("Page.navigate", url=f"file://{os.path.abspath(path)}")
        while not self.is_loaded:
            self.note(self.message())

    def ask(self, expression):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:500])
        return answer["result"].get("value")

    def key(self, name, text=""):
        """Presses a key."""
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, code=name, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name, code=name)

    def click(self, selector, index=0):
        """Clicks in the middle of an element, as a hand does."""
        place = self.ask(f"""(function(){{
            var e=document.querySelectorAll({json.dumps(selector)})[{index}];e.scrollIntoView({{block:'center',inline:'center'}});
            var r=e.getBoundingClientRect();return [r.x+r.width/2,r.y+r.height/2]}})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def problems(self):
        """What the console and the policy of the page had to say."""
        return self.said + self.ask("violations")
