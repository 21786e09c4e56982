//! The page of `nicon-tree --html` in a real browser: what is marked when somebody searches, points, clicks and presses keys.
//!
//! `make test-browser` installs Debian's chromium first. The pages are the program's own, and are read from files: there is no network.

mod browser;
mod nest;

use browser::Page;

/// The texts of what is not dimmed, without the boxes.
fn marked(page: &Page) -> Vec<String> {
    let script = "[...document.querySelectorAll('.link.marked, .wire.marked')].map(thing => thing.ariaLabel.split('\\n')[0]).sort()";
    serde_json::from_value(page.value(script)).unwrap()
}

fn is_dimmed(page: &Page, selector: &str) -> bool {
    page.value(&format!("getComputedStyle(document.querySelector('{selector}')).opacity < 0.5")) == true
}

/// The middle of a wire in the window.
fn on_wire(page: &Page, name: &str) -> (f64, f64) {
    page.point(&format!(
        "(() => {{ const wire = [...document.querySelectorAll('.wire')].find(wire => wire.ariaLabel.includes({name:?}));
            const at = wire.getPointAtLength(wire.getTotalLength() / 2).matrixTransform(wire.getScreenCTM());
            return [at.x, at.y] }})()"
    ))
}

/// The middle of a link's port in the window.
fn on_port(page: &Page, name: &str) -> (f64, f64) {
    page.point(&format!(
        "(() => {{ const link = [...document.querySelectorAll('.link')].find(link => link.ariaLabel.startsWith({name:?}));
            const at = link.querySelector('circle').getBoundingClientRect();
            return [at.x + at.width / 2, at.y + at.height / 2] }})()"
    ))
}

#[test]
fn a_search_marks_what_it_finds() {
    let page = Page::open(&nest::page());
    for (words, found) in [
        ("10.1.2.1", &["east2 in c2"][..]),
        ("02:00:00:00:02:01", &["east2 in c2"]),
        // Both ends tell of it.
        ("WEST3", &["east3 in c3", "west3 in c4"]),
        ("no such thing", &[]),
        ("master bridge0", &["up2 in setup"]),
        ("master br1", &["port1 in switch", "port6 in switch", "port9 in switch"]),
    ] {
        page.evaluate("search.value = ''; search.focus()");
        page.type_text(words);
        assert_eq!(marked(&page), found, "{words}");
        assert!(is_dimmed(&page, ".wire"), "{words}");
    }
    // A container is found by its PID and its ID, and is brought into the window.
    for words in ["PID 1003", &"3".repeat(64)] {
        page.key("Escape");
        page.evaluate("search.focus()");
        page.type_text(words);
        assert_eq!(
            page.value("[...document.querySelectorAll('.node.marked')].map(node => node.ariaLabel.split('\\n')[0])"),
            serde_json::json!(["c3"])
        );
        page.wheel(5.0, 300.0, -3000.0);
        page.key("Enter");
        let (x, y) = page.point("(() => { const at = document.querySelector('.node.marked').getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2] })()");
        assert!(x > 0.0 && x < 1200.0 && y > 0.0 && y < 800.0, "{x} {y}");
        assert!(page.text("#details").contains("PID 1003"), "{}", page.text("#details"));
    }
    page.key("Escape");
    assert_eq!((page.value("search.value"), is_dimmed(&page, ".wire")), ("".into(), false));
}

#[test]
fn a_wire_is_followed() {
    let page = Page::open(&nest::page());
    let wire = ["east2 in c2", "east2 in c2 \u{2194} west2 in c3", "west2 in c3"];
    let follow = [
        &(|| page.click(on_wire(&page, "east2 in c2"))) as &dyn Fn(),
        &|| page.click(on_port(&page, "east2 in c2")),
        &|| page.click(on_port(&page, "west2 in c3")),
        &|| {
            page.evaluate(
                "[...document.querySelectorAll('.link')].find(link => link.ariaLabel.startsWith('west2')).focus()",
            );
            page.key("Enter");
        },
    ];
    for (how, follow) in follow.iter().enumerate() {
        follow();
        assert_eq!(marked(&page), wire, "{how}");
        assert!(is_dimmed(&page, ".wire:not(.marked)") && !is_dimmed(&page, ".wire.marked"), "{how}");
        let nodes = page
            .value("[...document.querySelectorAll('.node.marked')].map(node => node.ariaLabel.split('\\n')[0]).sort()");
        assert_eq!(nodes, serde_json::json!(["c2", "c3"]), "{how}");
        let told = page.text("#details");
        assert!(
            ["10.1.2.1/30", "02:00:00:00:02:01", "west2 in c3"].iter().all(|part| told.contains(part)),
            "{how}: {told}"
        );
        page.key("Escape");
        assert_eq!((marked(&page), page.text("#details")), (vec![], String::new()), "{how}");
        assert!(!is_dimmed(&page, ".wire"), "{how}");
    }
}

/// Of a bridge it is shown what its ports are wired to.
#[test]
fn a_bridge_is_followed() {
    let page = Page::open(&nest::page());
    let all = [
        "br1 in switch",
        "port1 in switch",
        "port1 in switch \u{2194} up in c1",
        "port6 in switch",
        "port6 in switch \u{2194} up in c6",
        "port9 in switch",
        "up in c1",
        "up in c6",
    ];
    let on_bus = || {
        page.point("(() => { const bus = document.querySelector('.bus'); const at = bus.getPointAtLength(bus.getTotalLength() / 2).matrixTransform(bus.getScreenCTM()); return [at.x, at.y] })()")
    };
    let follow = [
        &(|| page.click(on_bus())) as &dyn Fn(),
        &|| page.click(on_port(&page, "br1 in switch")),
        // What has no wire is followed to its bridge.
        &|| page.click(on_port(&page, "port9 in switch")),
    ];
    for (how, follow) in follow.iter().enumerate() {
        follow();
        let mut shown = marked(&page);
        // The two ends of a wire are in the order of the picture.
        for wire in shown.iter_mut().filter(|text| text.contains(" \u{2194} ")) {
            let mut ends: Vec<&str> = wire.split(" \u{2194} ").collect();
            ends.sort_unstable();
            *wire = ends.join(" \u{2194} ");
        }
        shown.sort();
        assert_eq!(shown, all, "{how}");
        assert!(!is_dimmed(&page, ".bus") && is_dimmed(&page, ".wire:not(.marked)"), "{how}");
        let told = page.text("#details");
        assert!(told.contains("ports of br1 in switch: port9 port1 port6"), "{how}: {told}");
        page.key("Escape");
        assert_eq!(marked(&page), Vec::<String>::new(), "{how}");
    }
    // Of one of its ports with a wire, that wire is followed.
    page.click(on_port(&page, "port1 in switch"));
    assert_eq!(marked(&page).len(), 3, "{:?}", marked(&page));
    assert!(is_dimmed(&page, ".bus"));
}

#[test]
fn pointing_tells_details() {
    let page = Page::open(&nest::page());
    page.move_to(page.point("(() => { const at = [...document.querySelectorAll('.node')].find(node => node.ariaLabel.startsWith('c3')).getBoundingClientRect(); return [at.x + 4, at.y + 4] })()"));
    let told = page.text("#details");
    assert!(
        ["docker", "PID 1003 (3 for its engine)", &"3".repeat(64)].iter().all(|part| told.contains(part)),
        "{told}"
    );
    page.move_to(on_port(&page, "west3 in c4"));
    assert!(page.text("#details").contains("10.1.3.2/30"), "{}", page.text("#details"));
}

#[test]
fn it_is_zoomed_and_moved() {
    let page = Page::open(&nest::page());
    let width = || page.value("view.width").as_f64().unwrap();
    let whole = width();
    let before = on_port(&page, "east2 in c2");
    page.wheel(before.0, before.1, -400.0);
    let zoomed = width();
    let after = on_port(&page, "east2 in c2");
    assert!(zoomed < whole * 0.6, "{zoomed} of {whole}");
    assert!((before.0 - after.0).abs() < 2.0 && (before.1 - after.1).abs() < 2.0, "{before:?} {after:?}");
    page.drag(before, (before.0 + 50.0, before.1 + 20.0));
    let dragged = on_port(&page, "east2 in c2");
    assert!(
        (dragged.0 - after.0 - 50.0).abs() < 6.0 && (dragged.1 - after.1 - 20.0).abs() < 6.0,
        "{after:?} {dragged:?}"
    );
    assert_eq!(marked(&page), Vec::<String>::new(), "to move is not to click");
    for (value, larger) in [("+", false), ("-", true), ("0", true)] {
        let before = width();
        page.click(page.point(&format!(
            "(() => {{ const at = document.querySelector('button[value=\"{value}\"]').getBoundingClientRect(); return [at.x + 5, at.y + 5] }})()"
        )));
        assert_eq!(width() > before, larger, "{value}");
    }
    assert!((width() - whole).abs() < 1.0);
}

#[test]
fn names_are_only_text() {
    let page = Page::open(&nest::page());
    assert_eq!(page.value("typeof hacked"), "undefined");
    let names: Vec<String> =
        serde_json::from_value(page.value("[...document.querySelectorAll('.name')].map(name => name.textContent)"))
            .unwrap();
    assert!(nest::HOSTILE.iter().all(|name| names.iter().any(|shown| shown == name)), "{names:?}");
    assert_eq!(page.value("document.scripts.length"), 1);
    // Even if one got out, it would not run, nor load anything.
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.hacked = 1' }))",
    );
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hacked = 2\">')");
    page.evaluate("await new Promise(done => setTimeout(done, 200))");
    assert_eq!(page.value("typeof hacked"), "undefined");
    assert_eq!(page.value("performance.getEntriesByType('resource').filter(entry => entry.responseStatus).length"), 0);
}

#[test]
fn it_is_light_or_dark() {
    let page = Page::open(&nest::page());
    let colours = |scheme: &str| {
        page.colour_scheme(scheme);
        page.value("[document.body, document.querySelector('.paper'), document.querySelector('.name'), document.querySelector('.wire')].map(thing => { const style = getComputedStyle(thing); return [style.backgroundColor, style.fill, style.stroke] })")
    };
    let (light, dark) = (colours("light"), colours("dark"));
    for part in 0..4 {
        assert_ne!(light[part], dark[part], "{part}");
    }
}
