import Foundation
import Metrics

/// `cohort.html`: one page that opens offline: distributions, trends, worst cases, a table to sort.
///
/// - Parameter notes: what a reader should know first, for example how many outcomes there are of each kind.
package func cohortHTML(
    _ cohort: CohortReport,
    charts: [OutcomeChart] = [],
    shares: [OutcomeShares] = [],
    pictures: [CasePicture] = [],
    notes: [String] = []
) -> String {
    var sections = [cohortHeader(cohort, charts, shares, notes), notScored(cohort), distributions(cohort)]
    if !charts.isEmpty { sections.append(trends(charts)) }
    if !shares.isEmpty { sections.append(shareSection(shares)) }
    sections += [worstCases(cohort, pictures), summaryTable(cohort), allScores(cohort)]
    let title = "contourd: \(cohort.cases.count) cases"
    let head = pageHead(title: title, styles: styleSheet + plotStyleSheet, script: sortingScript)
    return """
        <!DOCTYPE html>
        <html lang="en">\(head)<body>
        <main>\(sections.filter { !$0.isEmpty }.joined(separator: "\n"))</main>
        <script>\(sortingScript)</script>
        </body></html>

        """
}

private func cohortHeader(
    _ cohort: CohortReport,
    _ charts: [OutcomeChart],
    _ shares: [OutcomeShares],
    _ notes: [String]
) -> String {
    let scored = cohort.cases.count { !$0.structures.isEmpty }
    let missing = cohort.onlyReference.count + cohort.onlyPrediction.count
    var words = [scored == 1 ? "1 case scored" : "\(scored) cases scored"]
    let failed = cohort.cases.count { $0.fault != nil }
    if failed > 0 { words.append("\(failed) could not be scored") }
    let empty = cohort.cases.count { $0.structures.isEmpty && $0.fault == nil }
    if empty > 0 { words.append("\(empty) with nothing to score: unedited or removed") }
    if missing > 0 { words.append("\(missing) without a partner") }
    let drifting = Set(
        charts.filter { $0.chart.state == .drifting }
            .map { $0.model.isEmpty ? $0.structure : "\($0.structure) (\($0.model))" }
            + shares.filter { $0.chart.state == .drifting }.map { "\($0.structure) (\($0.model))" }
    ).sorted()
    let drift =
        drifting.isEmpty
        ? ""
        : "<p class=\"banner\"><strong>&#9888; Look at the trend of \(escaped(drifting.joined(separator: ", "))).</strong></p>"
    let demonstration =
        cohort.demonstration == true
        ? "<p class=\"banner\"><strong>DEMONSTRATION: never for patients.</strong></p>" : ""
    let list = notes.isEmpty ? "" : "<ul>\(notes.map { "<li>\(escaped($0))</li>" }.joined())</ul>"
    return """
        <header><h1>Agreement with references</h1>\(demonstration)<p>\(words.joined(separator: ", ")).</p>\
        \(warnings(cohort))\(list)\(drift)
        <p class="small">Definition: \(escaped(cohort.definition)). Undefined scores take no part in means and quartiles; they are \
        counted. Intervals: 95 % bootstrap over patients (\(cohort.bootstrap.resamples) resamples, seed \
        \(cohort.bootstrap.seed)), from \(SampleSummary.fewestForInterval) patients on.</p>
        </header>
        """
}

/// What makes scores doubtful, before them.
private func warnings(_ cohort: CohortReport) -> String {
    let told = cohort.cases.filter { !$0.warnings.isEmpty }
    guard !told.isEmpty else { return "" }
    let items = told.flatMap { one in one.warnings.map { "<li>\(escaped("\(one.name): \($0)"))</li>" } }
    let words = told.count == 1 ? "1 case are" : "\(told.count) cases are"
    return """
        <div class="banner"><strong>&#9888; The scores of \(words) doubtful:</strong><ul>\(items.joined())</ul></div>
        """
}

private func notScored(_ cohort: CohortReport) -> String {
    let missing =
        cohort.cases.compactMap { one in one.fault.map { "\(one.name) was not scored: \($0)" } }
        + cohort.onlyReference.map { "\($0): no partner in the prediction" }
        + cohort.onlyPrediction.map { "\($0): no partner in the reference" }
    let remarks = cohort.cases.flatMap { one in
        one.unmatchedReference.map { "\(one.name): \($0) is only in the reference" }
            + one.unmatchedPrediction.map { "\(one.name): \($0) is only in the prediction" }
            + one.findings.map { "\(one.name): \($0)" }
    }
    func list(_ items: [String]) -> String { "<ul>\(items.map { "<li>\(escaped($0))</li>" }.joined())</ul>" }
    // Cases that are missing are never folded away: a mean without them is another one. Nor is what is to be known of all.
    let open = [("What is missing (\(missing.count))", missing), ("To be known of the whole", cohort.findings)]
        .filter { !$1.isEmpty }
        .map { "<section><h2>\($0)</h2>\(list($1))</section>" }
        .joined()
    guard !remarks.isEmpty else { return open }
    let body =
        remarks.count > 12
        ? "<details><summary>Show all \(remarks.count)</summary>\(list(remarks))</details>" : list(remarks)
    return open + "<section><h2>Remarks on single cases (\(remarks.count))</h2>\(body)</section>"
}

private func distributions(_ cohort: CohortReport) -> String {
    let tolerance = CohortReport.mainTolerance(cohort.tolerances)
    let measures: [(Measure, ClosedRange<Double>)] = [
        (.surfaceDice(tolerance), 0...1), (.dice, 0...1), (.hausdorff95, 0...Double.infinity),
        (.volumeDifferencePercent, -100...Double.infinity),
    ]
    let plots = measures.enumerated().map { index, plotted -> String in
        let (measure, bounds) = plotted
        let samples = cohort.summary.map { summary -> PlotSample in
            let scores = cohort.countedCases.flatMap(\.structures).filter { $0.name == summary.name }
            guard index == 0 else { return PlotSample(label: summary.name, values: scores.compactMap(measure.value)) }
            // A structure with a tolerance of its own is shown at that one, and says so.
            let own = CohortReport.mainTolerance(Measure.tolerances(of: scores))
            return PlotSample(
                label: own == tolerance ? summary.name : "\(summary.name), \(own) mm",
                values: scores.compactMap(Measure.surfaceDice(own).value),
                isPublished: own == "2" && cohort.publishedStructures.contains(summary.name)
            )
        }
        let goals =
            samples.contains(where: \.isPublished)
            ? [
                PlotReference(value: 0.95, label: "0.95 published median"),
                PlotReference(value: 0.92, label: "0.92 published mean"),
            ] : []
        return boxPlot(samples, title: measure.title, references: goals, within: bounds)
    }.joined()
    guard !plots.isEmpty else { return "" }
    let published =
        plots.contains("0.95 published")
        ? " The published lines are of left lungs of the LCTSC data set at 2 mm; they say nothing about other structures."
        : ""
    return """
        <section><h2>Distributions</h2><p class="small">Boxes: quartiles and median; whiskers: last value within 1.5 \
        interquartile ranges; hollow dots: beyond.\(published)</p><div class="plots">\(plots)</div></section>
        """
}

private func trends(_ charts: [OutcomeChart]) -> String {
    let order =
        charts[0].model.isEmpty
        ? "Every case whose reference says when it was made, in that order."
        : "Every outcome in the order in which it came."
    return """
        <section><h2>Trend</h2><p class="small">\(order) Rule: \
        \(escaped(ControlChart.rule(baseline: charts[0].chart.baseline))). Diamonds are flagged; the thin line is the weighted mean.</p>
        \(charts.compactMap(\.gap).map { "<p class=\"banner\">\(escaped($0)).</p>" }.joined())\
        \(charts.map(trendPlot).joined())</section>
        """
}

private func worstCases(_ cohort: CohortReport, _ pictures: [CasePicture]) -> String {
    guard !cohort.worst.isEmpty else { return "" }
    let rows = cohort.summary.flatMap { summary in
        cohort.worst.filter { $0.structure == summary.name }.prefix(3).map { one in
            [
                escaped(one.structure), escaped(one.name), escaped("\(one.tolerance) mm"),
                score(one.surfaceDice, digits: 4), score(one.dice, digits: 4), score(one.hausdorff95MM, digits: 2),
            ]
        }
    }
    return "<section class=\"worstCases\"><h2>Worst cases</h2>"
        + table(["Structure", "Case", "Tolerance", "Surface Dice", "Dice", "HD95, mm"], rows)
        + (pictures.isEmpty
            ? ""
            : "<p></p>\(linesSwitch("lines-worst"))<div class=\"gallery\">\(figures(pictures))</div>") + "</section>"
}

private func summaryTable(_ cohort: CohortReport) -> String {
    let measures = Measure.summarised(tolerances: cohort.tolerances)
    let rows = cohort.summary.flatMap { summary in
        measures.compactMap { measure -> [String]? in
            guard let sample = summary.measures[measure.key] else { return nil }
            func pair(_ values: [Double?]) -> String {
                values.map { score($0, digits: measure.digits) }.joined(separator: " to ")
            }
            func interval(_ values: [Double]?) -> String {
                values.map(pair) ?? escaped(sample.fewPatients).replacingOccurrences(of: " ", with: "&nbsp;")
            }
            return [
                escaped(summary.name), escaped(measure.title), "\(sample.count)", "\(sample.undefined)",
                score(sample.median, digits: measure.digits), interval(sample.medianConfidence95),
                pair([sample.lowerQuartile, sample.upperQuartile]), score(sample.mean, digits: measure.digits),
                interval(sample.meanConfidence95), pair([sample.minimum, sample.maximum]),
            ]
        }
    }
    guard !rows.isEmpty else { return "" }
    let head = [
        "Structure", "Measure", "n", "Undefined", "Median", "95 %", "Quartiles", "Mean", "95 %", "Range",
    ]
    return "<section class=\"wide\"><h2>Summary</h2>\(table(head, rows))</section>"
}

private func allScores(_ cohort: CohortReport) -> String {
    let measures =
        [.dice] + cohort.tolerances.map(Measure.surfaceDice) + [.hausdorff95, .meanSurfaceDistance]
        + [.volumeDifferencePercent, .centreShift] + cohort.tolerances.map(Measure.addedPathLength)
    let rows = cohort.cases.flatMap { one in
        one.structures.map { scores in
            [escaped(one.counts ? one.name : "\(one.name) (rejected)"), escaped(scores.name)]
                + (one.time.map { [escaped(String($0.prefix(10)))] } ?? [])
                + measures.map { score($0.value(scores), digits: $0.digits) }
        }
    }
    guard !rows.isEmpty else { return "" }
    let hasTimes = cohort.cases.contains { $0.time != nil }
    let head = ["Case", "Structure"] + (hasTimes ? ["Date"] : []) + measures.map(\.title)
    return """
        <section class="all wide"><h2>All scores</h2><p class="small screen">A click on a head sorts by that column, another \
        click the other way round.</p>\(table(head, rows))</section>
        """
}

/// Sorts the rows of a table by the column whose head is clicked or chosen by keyboard: cells that are numbers as a whole as numbers,
/// others (a date, a UID) as text, dashes last.
private let sortingScript = """
    document.querySelectorAll('.all table').forEach(function(table){
      var body=table.tBodies[0],last=-1,down=false;
      table.querySelectorAll('th').forEach(function(head,column){
        head.className='sortable';head.tabIndex=0;
        function sort(){
          down=column===last&&!down;last=column;
          var rows=Array.from(body.rows);
          rows.sort(function(a,b){
            var x=a.cells[column].textContent,y=b.cells[column].textContent,p=Number(x),q=Number(y);
            if(x!==y&&(x==='\\u2013'||y==='\\u2013'))return x==='\\u2013'?1:-1;
            var order=isNaN(p)||isNaN(q)?(x<y?-1:x>y?1:0):p-q;
            return down?-order:order;
          });
          rows.forEach(function(row){body.appendChild(row)});
          table.querySelectorAll('th').forEach(function(h){h.removeAttribute('aria-sort')});
          head.setAttribute('aria-sort',down?'descending':'ascending');
        }
        head.addEventListener('click',sort);
        head.addEventListener('keydown',function(e){if(e.key==='Enter'||e.key===' '){e.preventDefault();sort()}});
      });
    });
    """
