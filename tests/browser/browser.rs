//! Chromium without a window, told what to do over its pipe; see
//! <https://chromedevtools.github.io/devtools-protocol/>.

use std::cell::{Cell, RefCell};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nicon_lab::{LIMIT, patience};
use serde_json::{Value, json};

/// A page in a browser of its own.
pub(crate) struct Page {
    browser: Child,
    orders: RefCell<ChildStdin>,
    answers: Receiver<Value>,
    last: Cell<u64>,
    session: String,
    /// The browser's profile, and the page's file.
    directory: PathBuf,
}

impl Page {
    /// Opens a page, and waits until it is loaded.
    pub(crate) fn open(html: &str) -> Self {
        static PAGES: AtomicUsize = AtomicUsize::new(0);
        let number = PAGES.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("nicon-browser-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("page.html"), html).unwrap();
        // It reads orders from descriptor 3 and writes answers to 4. Its sandbox does not work for root.
        let line = "exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
            --user-data-dir=\"$1\" --remote-debugging-pipe 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut command = Command::new("sh");
        command.args(["-c", line, "sh"]).arg(&directory).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut browser = command.spawn().expect("run chromium");
        let (orders, mut output) = (browser.stdin.take().unwrap(), BufReader::new(browser.stdout.take().unwrap()));
        let (send, answers) = channel();
        std::thread::spawn(move || {
            let mut answer = Vec::new();
            while output.read_until(0, &mut answer).is_ok_and(|length| length > 0) {
                answer.pop();
                let _ = send.send(serde_json::from_slice(&answer).expect("an answer in JSON"));
                answer.clear();
            }
        });
        let orders = RefCell::new(orders);
        let mut page = Self { browser, orders, answers, last: Cell::new(0), session: String::new(), directory };
        let url = format!("file://{}/page.html", page.directory.display());
        let target = page.order("Target.createTarget", &json!({"url": url}));
        let session = page.order("Target.attachToTarget", &json!({"targetId": target["targetId"], "flatten": true}));
        session["sessionId"].as_str().unwrap().clone_into(&mut page.session);
        let size = json!({"width": 1200, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        page.order("Emulation.setDeviceMetricsOverride", &size);
        let end = Instant::now() + LIMIT * patience();
        while page.value("document.readyState === 'complete' && location.protocol === 'file:'") != true {
            assert!(Instant::now() < end, "the page is not loaded");
            std::thread::sleep(Duration::from_millis(20));
        }
        page
    }

    /// Gives an order, and waits for its answer.
    fn order(&self, method: &str, parameters: &Value) -> Value {
        let id = self.last.get() + 1;
        self.last.set(id);
        let mut order = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            order["sessionId"] = json!(self.session);
        }
        let mut orders = self.orders.borrow_mut();
        orders.write_all(format!("{order}\0").as_bytes()).expect("chromium runs");
        orders.flush().unwrap();
        loop {
            let mut answer =
                self.answers.recv_timeout(LIMIT * patience()).unwrap_or_else(|_| panic!("{method}: no answer"));
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }

    /// What an expression of JavaScript evaluates to in the page.
    pub(crate) fn value(&self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.order("Runtime.evaluate", &parameters);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Runs statements of JavaScript.
    pub(crate) fn evaluate(&self, statements: &str) {
        self.value(&format!("(async () => {{ {statements} }})()"));
    }

    pub(crate) fn text(&self, selector: &str) -> String {
        self.value(&format!("document.querySelector('{selector}').textContent")).as_str().unwrap().to_owned()
    }

    /// A point of the window, which an expression gives as `[x, y]`.
    pub(crate) fn point(&self, expression: &str) -> (f64, f64) {
        serde_json::from_value(self.value(expression)).expect("two numbers")
    }

    pub(crate) fn move_to(&self, at: (f64, f64)) {
        self.mouse("mouseMoved", at, json!({}));
    }

    pub(crate) fn click(&self, at: (f64, f64)) {
        self.move_to(at);
        self.mouse("mousePressed", at, json!({"button": "left", "clickCount": 1}));
        self.mouse("mouseReleased", at, json!({"button": "left", "clickCount": 1}));
    }

    pub(crate) fn drag(&self, from: (f64, f64), to: (f64, f64)) {
        self.move_to(from);
        self.mouse("mousePressed", from, json!({"button": "left", "clickCount": 1}));
        for step in 1..=5 {
            let part = f64::from(step) / 5.0;
            let at = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            self.mouse("mouseMoved", at, json!({"button": "left", "buttons": 1}));
        }
        self.mouse("mouseReleased", to, json!({"button": "left", "clickCount": 1}));
    }

    pub(crate) fn wheel(&self, x: f64, y: f64, delta: f64) {
        self.mouse("mouseWheel", (x, y), json!({"deltaX": 0, "deltaY": delta}));
    }

    fn mouse(&self, kind: &str, (x, y): (f64, f64), mut more: Value) {
        (more["type"], more["x"], more["y"]) = (json!(kind), json!(x), json!(y));
        self.order("Input.dispatchMouseEvent", &more);
    }

    pub(crate) fn key(&self, key: &str) {
        let code = if key == "Enter" { 13 } else { 27 };
        for kind in ["rawKeyDown", "keyUp"] {
            self.order(
                "Input.dispatchKeyEvent",
                &json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}),
            );
        }
    }

    /// Types into what has the focus.
    pub(crate) fn type_text(&self, text: &str) {
        self.order("Input.insertText", &json!({"text": text}));
    }

    pub(crate) fn colour_scheme(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.order("Emulation.setEmulatedMedia", &json!({"features": features}));
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
        // The browser's other processes end when they see that, and may write to the profile until then.
        let end = Instant::now() + LIMIT;
        while std::fs::remove_dir_all(&self.directory).is_err() && self.directory.exists() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        while self.answers.recv_timeout(LIMIT).is_ok() {}
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
