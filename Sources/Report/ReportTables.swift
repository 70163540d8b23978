import Metrics

/// Structures, and every check beside the range it is judged by.
func structureTables(_ report: CaseReport) -> String {
    let rows = report.structures.map { structure -> [String] in
        let slices = structure.firstSlice.flatMap { first in structure.lastSlice.map { "\(first + 1)&ndash;\($0 + 1)" }
        }
        return [
            "\(nameWithSwatch(structure))\(structure.derived ? " (union)" : "")",
            structure.found ? "yes" : "<strong>not found</strong>", number(structure.volumeML, digits: 0),
            number(structure.confidence, digits: 2), number(structure.edgeUncertaintyMM, digits: 2),
            number(structure.meanHU, digits: 0), "\(structure.components)",
            slices ?? "&ndash;", number(structure.rtStructureSetRoundTripDice, digits: 5),
        ]
    }
    let head = [
        "Structure", "Found", "Volume, mL", "Confidence", "Uncertain edge, mm", "Mean HU", "Pieces", "Slices",
        "Read back (Dice)",
    ]
    return "<section><h2>Structures</h2>\(structureTable(head, rows))\(plausibility(report))</section>"
}

/// A table with a row for each structure; of few structures one with a column for each, which a phone has room for.
private func structureTable(_ head: [String], _ rows: [[String]]) -> String {
    guard (1...4).contains(rows.count) else { return table(head, rows) }
    let columns = rows.map { "<th scope=\"col\">\($0[0])</th>" }.joined()
    let body = head.indices.dropFirst().map { index in
        "<tr><th scope=\"row\">\(head[index])</th>\(rows.map { "<td>\($0[index])</td>" }.joined())</tr>"
    }
    return """
        <div class="scroll"><table class="columns"><thead><tr><th scope="col">\(head[0])</th>\(columns)</tr></thead>
        <tbody>\(body.joined(separator: "\n"))</tbody></table></div>
        """
}

/// One row for each check, one column for each structure: a structure that falls out of line is seen at once.
private func plausibility(_ report: CaseReport) -> String {
    let judged = report.structures.filter { !$0.checks.isEmpty }
    var names: [String] = []
    for check in judged.flatMap(\.checks) where !names.contains(check.name) { names.append(check.name) }
    guard !names.isEmpty else { return "" }
    let head = judged.map { "<th scope=\"col\">\(nameWithSwatch($0))</th>" }.joined()
    let rows = names.map { name -> String in
        let cells = judged.map { structure -> String in
            guard let check = structure.checks.first(where: { $0.name == name }) else { return "<td>&ndash;</td>" }
            let sign = check.passed ? "&#10003;" : "&#10007; outside:"
            return """
                <td\(check.passed ? "" : " class=\"out\"")>\(sign) \(escaped(check.value))\
                <span class="beside">expected: \(escaped(check.expected))</span></td>
                """
        }
        return "<tr><th scope=\"row\">\(escaped(name))</th>\(cells.joined())</tr>"
    }
    return """
        <h3>Plausibility</h3><p class="small">Ranges of the model package. They remove nothing; a value outside of its \
        range asks for a look.</p>
        <div class="scroll"><table class="checks"><thead><tr><th scope="col">Check</th>\(head)</tr></thead>
        <tbody>\(rows.joined(separator: "\n"))</tbody></table></div>
        """
}

/// On one line: alone above the name its colour would be that of the line before.
private func nameWithSwatch(_ structure: CaseReport.StructureReport) -> String {
    let color = structure.color.map(String.init).joined(separator: ",")
    let swatch = "<span class=\"swatch\" style=\"background:rgb(\(color))\"></span>"
    return "<span class=\"whole\">\(swatch) \(escaped(structure.name))</span>"
}

/// How the lines of the pictures are told apart, with and without colours.
func lineLegend(_ report: CaseReport) -> String {
    let outlined = report.structures.filter { $0.found && !$0.derived }
    let lines = outlined.enumerated().map { index, structure -> String in
        let color = structure.color.map(String.init).joined(separator: ",")
        return sample(LinePattern.of(structure: index), "rgb(\(color))") + " \(escaped(structure.name))"
    }
    let isDrawn = report.evaluation?.structures.isEmpty == false
    let reference = isDrawn ? [sample(.reference, "#fff") + " reference (over the others)"] : []
    return "<span class=\"legend\">" + (lines + reference).map { "<span>\($0)</span>" }.joined() + "</span>"
}

private func sample(_ pattern: LinePattern, _ color: String) -> String {
    """
    <svg viewBox="0 0 60 16" aria-hidden="true"><rect width="60" height="16" fill="#333"/>\
    <line x1="3" y1="8" x2="57" y2="8" stroke="\(color)" stroke-width="4" stroke-dasharray="\(pattern.dashes)"/></svg>
    """
}

/// Scores, what was changed, and where.
func agreement(_ evaluation: CaseReport.Evaluation, _ pictures: [CasePicture], _ report: CaseReport) -> String {
    let missing =
        ((evaluation.derived ?? []).map(\.finding)
        + evaluation.unmatchedReference.map { "only in the reference: \($0)" }
        + evaluation.unmatchedPrediction.map { "only in our result: \($0)" } + evaluation.findings)
        .map { "<li>\(escaped($0))</li>" }.joined()
    let others = report.otherEvaluations ?? []
    return """
        <section><h2>Agreement with the reference</h2>
        <p class="small">Reference: \(referenceName(evaluation)).</p>
        \(changes(evaluation))\(scoreTables(evaluation))<ul>\(missing)</ul>
        \(slicePlots(evaluation))\(differences(pictures, report))\(otherReferences(others))</section>
        """
}

/// Which one it is: a series may have several that are approved.
private func referenceName(_ evaluation: CaseReport.Evaluation) -> String {
    let kind = ["rtstruct": "RT Structure Set", "seg": "Segmentation", "nifti": "NIfTI"][evaluation.referenceKind]
    let words = [
        kind ?? evaluation.referenceKind, evaluation.approvalStatus?.lowercased(), evaluation.referenceSOPInstanceUID,
        evaluation.referenceMadeAt.map { "made at \($0.replacing("T", with: " "))" },
    ]
    return escaped(words.compactMap(\.self).joined(separator: ", "))
}

/// What further references say, in the order in which they count.
private func otherReferences(_ others: [CaseReport.Evaluation]) -> String {
    guard !others.isEmpty else { return "" }
    let rows = others.flatMap { other -> [[String]] in
        let tolerance = CohortReport.mainTolerance(Measure.tolerances(of: other.structures))
        return other.structures.map { scores in
            [
                referenceName(other), scoredName(scores.name, other),
                score(scores.dice, digits: 4), score(Measure.surfaceDice(tolerance).value(scores), digits: 4),
                escaped("\(tolerance) mm"),
            ]
        }
    }
    let silent = others.filter(\.structures.isEmpty).map {
        "<li>\(referenceName($0)): nothing was scored</li>"
    }
    return "<h3>Other references: \(others.count)</h3>"
        + (rows.isEmpty ? "" : table(["Reference", "Structure", "Dice", "Surface Dice", "Tolerance"], rows))
        + (silent.isEmpty ? "" : "<ul>\(silent.joined())</ul>")
}

private func changes(_ evaluation: CaseReport.Evaluation) -> String {
    guard let changes = evaluation.changes, !changes.isEmpty else { return "" }
    let edited = changes.count { $0.status == .edited }
    let rows = changes.map { change in
        [
            escaped(change.name),
            change.status == .unedited ? "unedited" : "<strong>\(change.status.rawValue)</strong>",
            number(change.addedML), number(change.removedML), number(change.drawnMM, digits: 0),
            change.slicesChanged.map(String.init) ?? "&ndash;",
        ]
    }
    let head = ["Structure", "Status", "Added, mL", "Taken away, mL", "Drawn anew, mm", "Slices changed"]
    return "<h3>What was changed: \(edited) of \(changes.count) structures edited</h3>" + structureTable(head, rows)
}

/// A structure whose reference, or prediction, was made from parts says so beside its name.
private func scoredName(_ name: String, _ evaluation: CaseReport.Evaluation) -> String {
    let derived = evaluation.derived?.first { $0.name == name }
    let note = derived.map { union in
        "<span class=\"beside\">\(union.side.rawValue): union of \(escaped(union.members.joined(separator: " and ")))</span>"
    }
    let isDoubtful = evaluation.doubtful?.contains(name) == true
    return escaped(name) + (note ?? "")
        + (isDoubtful ? "<span class=\"beside\">&#9888; these scores mean nothing: see the findings</span>" : "")
}

private func scoreTables(_ evaluation: CaseReport.Evaluation) -> String {
    guard !evaluation.structures.isEmpty else { return "<p>Nothing was scored.</p>" }
    let tolerances = Measure.tolerances(of: evaluation.structures)
    let main: [Measure] = [.dice] + tolerances.map(Measure.surfaceDice) + [.hausdorff95, .meanSurfaceDistance]
    let shown = main + Measure.volumes
    func rows(_ measures: [Measure]) -> [[String]] {
        evaluation.structures.map { scores in
            [scoredName(scores.name, evaluation)] + measures.map { score($0.value(scores), digits: $0.digits) }
        }
    }
    let others = Measure.all(tolerances: tolerances).filter { measure in !shown.contains { $0.key == measure.key } }
    let head = evaluation.changes == nil ? "" : "<h3>Scores of what was edited</h3>"
    let more = structureTable(["Structure"] + others.map(\.title), rows(others))
    return head + structureTable(["Structure"] + shown.map(\.title), rows(shown))
        + "<details><summary>All measures and their definitions</summary>\(more)\(definitions)</details>"
        + "<p class=\"small\">Definition: \(escaped(StructureScores.definition(on: ComparisonGridSource.ct.words))). A dash means undefined.</p>"
}

private let definitions = """
    <h3>Definitions</h3><dl>
    <dt>Dice, Jaccard</dt><dd>twice the common volume over the sum of volumes; common volume over that of the union</dd>
    <dt>Surface Dice at t</dt><dd>share of both surfaces, by area, that lies within t mm (inclusive) of the other surface</dd>
    <dt>Surface within t</dt><dd>the same for one surface alone</dd>
    <dt>HD95, Hausdorff</dt><dd>distance that 95 % or all of each surface's area stays within; the larger of both directions</dd>
    <dt>Mean surface distance</dt><dd>mean of the two area-weighted average distances</dd>
    <dt>Added path length</dt><dd>contour of the reference, slice by slice, that is farther than t mm from ours: what a \
    person would draw anew (Vaassen 2020 at t = 0)</dd>
    <dt>Centre shift</dt><dd>distance of the centres of mass</dd>
    </dl><p class="small">Surfaces: pieces between the corners of voxels, with their area. Both masks lie on the CT's own \
    grid; contours were filled once by the even-odd rule at voxel centres. Undefined: both masks empty, for distances \
    one of them.</p>
    """

/// Dice along the slices: where along the patient the contours differ.
private func slicePlots(_ evaluation: CaseReport.Evaluation) -> String {
    let plots = evaluation.structures.compactMap { scores -> String? in
        guard let first = scores.sliceDice.firstSlice, scores.sliceDice.dice.count > 2 else { return nil }
        return sliceDicePlot(scores.name, first: first, scores.sliceDice.dice)
    }
    return plots.isEmpty ? "" : "<h3>Dice along the slices</h3><div class=\"plots\">\(plots.joined())</div>"
}

private func differences(_ pictures: [CasePicture], _ report: CaseReport) -> String {
    guard !pictures.isEmpty else { return "" }
    let maps = pictures.filter { $0.role == .distanceMap }
    return """
        <h3>Where they differ</h3><p class="small">\(lineLegend(report))</p>
        \(linesSwitch("lines-differences"))<div class="gallery">\(figures(pictures.filter { $0.role != .distanceMap }))</div>
        <div class="gallery">\(figures(maps))</div>
        """
}
