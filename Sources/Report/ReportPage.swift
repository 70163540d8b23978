import Foundation

/// `report.html`: one page that opens offline, verdict and warnings first.
///
/// - Parameters:
///   - modelCard: the model's card as Markdown.
///   - isEvaluation: it scores contours that were delivered before, and comes without any.
///   - lacksPixels: the pixels of the CT were deleted after their time, so that pictures show outlines alone.
package func reportHTML(
    _ report: CaseReport,
    pictures: [CasePicture],
    modelCard: String?,
    isEvaluation: Bool = false,
    lacksPixels: Bool = false
) -> String {
    let comparing: Set<CasePicture.Role> = [.worstSlice, .distanceMap]
    let tables = report.structures.isEmpty ? nil : structureTables(report)
    let scores = report.evaluation.map { evaluation in
        agreement(evaluation, pictures.filter { comparing.contains($0.role) }, report)
    }
    var sections = [verdict(report, isEvaluation: isEvaluation), findings(report)]
    // An evaluation is opened for its scores; what was said of the contours came with them.
    sections += (isEvaluation ? [scores, tables] : [tables, scores]).compactMap(\.self)
    let others = pictures.filter { report.evaluation == nil || !comparing.contains($0.role) }
    if !others.isEmpty || lacksPixels { sections.append(gallery(others, report, lacksPixels: lacksPixels)) }
    sections += [about(report), model(report, card: modelCard), provenance(report)]
    return """
        <!DOCTYPE html>
        <html lang="en">\(pageHead(title: "contourd report", styles: styleSheet + plotStyleSheet))<body>
        <main>\(sections.joined(separator: "\n"))</main>
        </body></html>

        """
}

private func verdict(_ report: CaseReport, isEvaluation: Bool) -> String {
    let (title, text) =
        switch report.verdict {
        case _ where isEvaluation: evaluationTitle(report)
        case .delivered: ("Contours delivered", "Nothing suspicious was found by the checks below.")
        case .review: ("Look here first", "Something below is suspicious.")
        case .refused: ("Not contoured", report.fault?.message ?? "")
        }
    let demonstration =
        report.model?.demonstration == true
        ? "<p class=\"banner\"><strong>DEMONSTRATION MODEL.</strong> Not for any use with patients.</p>" : ""
    return """
        <header><h1>\(escaped(title))</h1><p>\(escaped(text))</p>
        <p class="banner"><strong>Automatic, not reviewed.</strong> A trained person must look at every contour \
        before it is used.</p>\(demonstration)</header>
        """
}

/// A reference that came after the delivery, and what came of it.
private func evaluationTitle(_ report: CaseReport) -> (String, String) {
    let unchanged = "What was delivered is unchanged."
    let look = report.verdict == .review ? " Look at the findings first." : ""
    if let evaluation = report.evaluation, !evaluation.structures.isEmpty {
        let came = evaluation.changes == nil ? "while this CT was being contoured" : "after the delivery"
        return ("Delivered contours scored", "A reference came \(came). \(unchanged)\(look)")
    }
    if report.findings.contains(where: { $0.code == "W_OWN_RESULT" }) {
        return ("Our own contours came back", "There was nothing to score. \(unchanged)\(look)")
    }
    return ("Nothing was scored", "A reference came after the delivery; the findings say why. \(unchanged)\(look)")
}

private func findings(_ report: CaseReport) -> String {
    let items = report.findings.map { finding -> String in
        let sign = finding.severity == .review ? "&#9888; Check" : "&#8505; Note"
        let details =
            finding.details.isEmpty
            ? "" : "<ul>" + finding.details.map { "<li>\(escaped($0))</li>" }.joined() + "</ul>"
        return """
            <li class="\(finding.severity.rawValue)"><strong>\(sign):</strong> \(escaped(sentence(finding.message))) \
            \(escaped(sentence(finding.hint))) <code>\(escaped(finding.code))</code>\(details)</li>
            """
    }
    var body = items.isEmpty ? "" : "<section><h2>Findings</h2><ul class=\"findings\">\(items.joined())</ul></section>"
    if let fault = report.fault {
        body += """
            <section><h2>Reason</h2><p><code>\(escaped(fault.code))</code> \(escaped(fault.message))</p>
            <ul>\(fault.details.map { "<li>\(escaped($0))</li>" }.joined())</ul>
            <p><strong>What to do:</strong> \(escaped(fault.hint))</p></section>
            """
    }
    return body
}

private func gallery(_ pictures: [CasePicture], _ report: CaseReport, lacksPixels: Bool) -> String {
    let gone = """
        <p class="banner"><strong>The CT cannot be shown:</strong> its pixels were deleted after their time \
        (<code>work.keep_pixels_days</code>). The pictures hold outlines alone; the first and last slices of the structures are \
        left out, as only the CT shows whether these are right.</p>
        """
    guard !pictures.isEmpty else { return "<section><h2>Pictures</h2>\(gone)</section>" }
    return """
        <section><h2>Pictures</h2>\(lacksPixels ? gone : "")<p class="small">The patient's right is on the left of the picture. \
        \(lineLegend(report))</p>\(linesSwitch("lines-pictures"))<div class="gallery">\(figures(pictures))</div></section>
        """
}

private func about(_ report: CaseReport) -> String {
    guard let series = report.series else { return "" }
    var volume: [(String, String)] = []
    if let spacing = series.spacingMM {
        let text = spacing.map { number($0, digits: 3) }.joined(separator: " x ")
        volume.append(("Spacing", "\(text) mm"))
    }
    if let isProvable = series.extentIsProvable {
        volume.append(("Extent", isProvable ? "the headers prove that no slice is missing" : "not provable"))
    }
    let equipment = [
        ("Manufacturer", series.manufacturer ?? "not given"),
        ("Convolution Kernel", series.convolutionKernel ?? "not given"),
        ("Patient Position", series.patientPosition ?? "not given"),
    ]
    let named = identity(of: series)
    let told = Set(named.map(\.0))
    return "<section><h2>CT</h2>" + facts(named + volume + equipment.filter { !told.contains($0.0) }) + "</section>"
}

private func model(_ report: CaseReport, card: String?) -> String {
    guard let model = report.model else { return "" }
    let brief = card.map(ModelCardBrief.init)
    let text =
        card.map { card in
            """
            <details class="card"><summary>Model card</summary>\(cardHTML(card))\
            <p class="small paper">Tables of the card are shown on the screen alone.</p></details>
            """
        } ?? ""
    let named = [("Name", "\(model.name) \(model.version)"), ("Summary", model.summary), ("Digest", model.digest)]
    return "<section><h2>Model</h2>"
        + facts(named + [("Training cases", "\(model.trainingCases)")] + (brief?.told ?? []))
        + (brief?.limitsHTML ?? "")
        + text + "</section>"
}

/// Counted from 1, as the slices of structures are.
private func text(of crop: CaseReport.CropSummary) -> String {
    let share = Double(crop.computedVoxels) / Double(crop.wholeGridVoxels) * 100
    let amount = "\(number(share, digits: 0)) % of the voxels of its grid"
    let reasons = [
        "notAsked": "the model asks for no crop", "noBody": "no patient was seen",
        "nothingSuspected": "a coarse look saw no structure", "leavesBody": "a structure went on beyond the body",
    ]
    if let reason = crop.wholeGrid { return "the whole grid (\(reasons[reason] ?? reason)): \(amount)" }
    let ranges = [("columns", crop.columns), ("rows", crop.rows), ("slices", crop.slices)]
    let box = zip(ranges, crop.grid).map { "\($0.0) \($0.1[0] + 1) to \($0.1[1] + 1) of \($1)" }
    let widened = crop.widenedSlices > 0 ? "; \(crop.widenedSlices) slices again on the whole picture" : ""
    return "\(box.joined(separator: ", ")): \(amount)\(widened)"
}

private func provenance(_ report: CaseReport) -> String {
    let stages = report.stages.map { stage in
        [escaped(stage.stage), number(stage.seconds, digits: 2), number(stage.peakMemoryMB, digits: 0)]
    }
    let files = report.files.sorted { $0.key < $1.key }.map { [escaped($0), "<code>\(escaped($1))</code>"] }
    var body = "<section><h2>How it was made</h2>"
    body += facts(
        [
            ("contourd", report.softwareVersion), ("Made at", report.createdAt),
            ("Revision", report.revision.map { "\($0)" } ?? "none"),
            ("Configuration digest", report.configurationDigest ?? "none"),
        ] + (report.crop.map { [("Network run on", text(of: $0))] } ?? [])
    )
    if !stages.isEmpty { body += table(["Stage", "Seconds", "Peak memory, MiB"], stages) }
    if !files.isEmpty {
        body += "<details><summary>SHA-256 of files</summary>\(table(["File", "SHA-256"], files))</details>"
    }
    return body + "</section>"
}
