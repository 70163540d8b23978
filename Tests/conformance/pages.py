#!/usr/bin/env python
"""report.html and the page of a cohort in a browser with its scripts on: the policy stops nothing of ours, tables sort, nothing
runs out of a laptop, a phone or a sheet of A4, and no heading stands alone at the end of one."""

import base64
import os
import re
import subprocess
import sys
import tempfile

import nibabel
import numpy as np

import product
from browser import PROGRAM, Browser
from checks import Checks

PHONE, LAPTOP = 390, 1280
#: CSS pixels between the margins of A4: 182 mm upright, 273 mm across for the sections that are printed so.
UPRIGHT, ACROSS = 688, 1032


def main():
    checks = Checks()
    if PROGRAM is None:
        checks.skip("there is no Chromium: no page was opened in a browser")
        return checks.finish()
    with tempfile.TemporaryDirectory() as scratch, Browser() as browser:
        page = cohort(checks, scratch)
        if page:
            holds_on_screens(checks, browser, "the page of a cohort", page)
            holds_on_paper(checks, browser, "the page of a cohort", page, scratch)
            sorts(checks, browser, page)
            has_teeth(checks, browser, page, scratch)
        if product.has_model():
            ct, truth = product.phantom(f"{scratch}/phantom", *product.COARSE_GRID)
            done = product.contourctl("run", ct, "--output", f"{scratch}/out", "--reference", f"{truth}/rtstruct.dcm")
            if checks.check("a phantom is contoured", done.status == 0, done.stderr):
                folder = os.path.join(f"{scratch}/out", os.listdir(f"{scratch}/out")[0])
                holds_on_screens(checks, browser, "report.html", f"{folder}/report.html")
                holds_on_paper(checks, browser, "report.html", f"{folder}/report.html", scratch)
                maps_can_be_read(checks, browser, f"{folder}/report.html")
        else:
            checks.skip("no model is installed: no report.html was opened")
    checks.finish()


def cohort(checks, scratch):
    """Cases with names that sort as text, long ones, scores below 0 and undefined ones."""
    random = np.random.default_rng(7)
    names = [f"case-{n}" for n in range(1, 12)] + ["1.2.840.113619.2.55.3.604688119.971.1234567890.123", "2024-01-02"]
    for name in names:
        for side in ("reference", "prediction"):
            os.makedirs(f"{scratch}/{side}/{name}")
            for structure in ("Lung_L", "SpinalCord"):
                mask = np.zeros((24, 20, 10), np.uint8)
                if (name, structure) != ("case-3", "SpinalCord"):
                    shift = random.integers(0, 4)
                    mask[4 + shift:14, 4:14 + shift, 2:8] = 1
                nibabel.save(nibabel.Nifti1Image(mask, np.diag([2, 2, 3, 1])), f"{scratch}/{side}/{name}/{structure}.nii.gz")
    page = f"{scratch}/cohort.html"
    done = product.contourctl("evaluate", "--reference", f"{scratch}/reference", "--prediction", f"{scratch}/prediction",
                              "--html", page, *[f"--tolerance={mm}" for mm in (1, 2, 3, 5)])
    return page if checks.check("a cohort is scored", done.status == 0, done.stderr) else None


def beyond(browser, within, outside):
    """What reaches beyond the right edge and is not in a box that scrolls by itself or clips, as a picture does."""
    return browser.ask(f"""Array.from(document.querySelectorAll({within!r})).filter(e=>!e.closest({outside!r})
        &&e.getBoundingClientRect().right>document.documentElement.clientWidth+1)
        .map(e=>e.tagName+'.'+e.className+' to '+Math.round(e.getBoundingClientRect().right))""")


def holds_on_screens(checks, browser, what, path):
    colours = "[getComputedStyle(document.body).backgroundColor,getComputedStyle(document.body).color]"
    for screen, width in (("a laptop", LAPTOP), ("a phone", PHONE)):
        browser.open(path, width)
        checks.none(f"{what}: neither the policy nor the console has a word to say on {screen}", browser.problems())
        checks.check(f"{what}: it does not scroll sideways on {screen}",
                     browser.ask("document.documentElement.scrollWidth") <= width, browser.ask("document.documentElement.scrollWidth"))
        checks.none(f"{what}: only tables and plots are wider than {screen}, and scroll by themselves",
                    beyond(browser, "body *", ".scroll, svg"))
    checks.none(f"{what}: every colour stands beside its name", browser.ask(
        "Array.from(document.querySelectorAll('.whole')).filter(e=>e.getClientRects().length>1).map(e=>e.textContent)"))
    light = browser.ask(colours)
    browser.open(path, LAPTOP, prefers_color_scheme="dark")
    checks.check(f"{what}: a dark screen changes no colour, so that text stays legible and pictures what they are",
                 browser.ask(colours) == light, (light, browser.ask(colours)))


def holds_on_paper(checks, browser, what, path, scratch):
    for sheet, width, within, outside in (("A4", UPRIGHT, "body *", ".wide, svg"), ("A4 across", ACROSS, ".wide *", "svg")):
        browser.open(path, width)
        browser.call("Emulation.setEmulatedMedia", media="print")
        checks.none(f"{what}: nothing is cut at the right edge of {sheet}", beyond(browser, within, outside))
    split = "Array.from(document.querySelectorAll('figure,tr')).filter(e=>getComputedStyle(e).breakInside!=='avoid').map(e=>e.tagName)"
    checks.none(f"{what}: no picture and no row is split over pages", browser.ask(split))
    alone = "Array.from(document.querySelectorAll('h2,h3,h4,summary')).filter(e=>getComputedStyle(e).breakAfter!=='avoid').map(e=>e.tagName)"
    checks.none(f"{what}: every heading stays with what follows it", browser.ask(alone))
    headings = set(browser.ask("Array.from(document.querySelectorAll('h1,h2,h3,h4,summary')).map(e=>e.textContent.trim())"))
    browser.open(path, LAPTOP)
    pdf = browser.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)["data"]
    if not product.has_tool("pdftotext"):
        checks.skip("there is no pdftotext: nobody read the pages that were printed")
        return
    with open(f"{scratch}/page.pdf", "wb") as file:
        file.write(base64.b64decode(pdf))
    text = subprocess.run(["pdftotext", "-layout", f"{scratch}/page.pdf", "-"], capture_output=True, text=True, check=True).stdout
    last = [lines[-1].strip() for lines in (re.findall(r"\S[^\n]*", sheet) for sheet in text.split("\f")) if lines]
    checks.check(f"{what}: it is printed on several pages", len(last) > 1, last)
    checks.none(f"{what}: no heading stands alone at the end of a page", [line for line in last if line in headings])


def maps_can_be_read(checks, browser, path):
    for screen, width in (("a laptop", LAPTOP), ("a phone", PHONE)):
        browser.open(path, width)
        sizes = browser.ask("Array.from(document.querySelectorAll('.distanceMap text')).map(e=>"
                            "e.getScreenCTM().a*parseFloat(getComputedStyle(e).fontSize))")
        checks.check(f"report.html: words and key of the maps of distances have at least 10 pixels on {screen}",
                     sizes and min(sizes) >= 10, sizes)


def column(browser, number):
    return browser.ask(f"Array.from(document.querySelectorAll('.all tbody tr')).map(r=>r.cells[{number}].textContent)")


def in_order(values):
    """Numbers as numbers, else as text; undefined ones last either way."""
    defined = [value for value in values if value != "–"]
    numbers = all(re.fullmatch(r"-?[0-9.]+", value) and value.count(".") < 2 for value in defined)
    return sorted(defined, key=float if numbers else None), values.count("–")


def sorts(checks, browser, page):
    browser.open(page, LAPTOP)
    heads = browser.ask("Array.from(document.querySelectorAll('.all th')).map(h=>h.textContent)")
    rows = sorted(map(tuple, browser.ask("Array.from(document.querySelectorAll('.all tbody tr')).map(r=>Array.from(r.cells).map(c=>c.textContent))")))
    wrong, unmarked = [], []
    for number, head in enumerate(heads):
        for direction in ("ascending", "descending"):
            browser.click(".all th", number)
            values = column(browser, number)
            defined, undefined = in_order(values)
            expected = (defined if direction == "ascending" else defined[::-1]) + ["–"] * undefined
            if values != expected:
                wrong.append((head, direction, values))
            if browser.ask(f"document.querySelectorAll('.all th')[{number}].getAttribute('aria-sort')") != direction:
                unmarked.append(head)
    checks.none("a click on a head sorts numbers as numbers and text as text, the next one the other way round", wrong)
    checks.none("and says so to who cannot see it", unmarked)
    checks.check("undefined scores are among them, and negative ones",
                 any("–" in row for row in rows) and any(value.startswith("-") for row in rows for value in row), rows[:3])
    checks.check("no row is lost or torn apart", sorted(map(tuple, browser.ask(
        "Array.from(document.querySelectorAll('.all tbody tr')).map(r=>Array.from(r.cells).map(c=>c.textContent))"))) == rows)
    browser.ask("document.querySelectorAll('.all th')[0].focus()")
    browser.key("Enter", "\r")
    checks.check("the keyboard sorts, too", column(browser, 0) == sorted(column(browser, 0)), column(browser, 0))
    browser.open(page, PHONE)
    browser.click(".all th", len(heads) - 1)
    checks.check("on a phone the last column is reached and sorts", column(browser, len(heads) - 1)
                 == in_order(column(browser, len(heads) - 1))[0] + ["–"] * in_order(column(browser, len(heads) - 1))[1])


def has_teeth(checks, browser, page, scratch):
    """The policy stops what it must: another script, and one that came in with a name."""
    with open(page, encoding="utf-8") as file:
        html = file.read()
    for what, spoilt in {"a script that was changed": html.replace("down=false", "down=!1"),
                         "a script that got in": html.replace("<h2>", "<script>document.title='in'</script><h2>", 1),
                         "a picture from elsewhere": html.replace("<h2>", "<img src=\"http://127.0.0.1:9/a.png\"><h2>", 1)}.items():
        with open(f"{scratch}/spoilt.html", "w", encoding="utf-8") as file:
            file.write(spoilt)
        browser.open(f"{scratch}/spoilt.html", LAPTOP)
        checks.check(f"the policy stops {what}", spoilt != html and browser.problems() and browser.ask("document.title") != "in")


if __name__ == "__main__":
    sys.exit(main())
