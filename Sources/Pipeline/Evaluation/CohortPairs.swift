import Platform

/// Which case of one side belongs to which of the other: by the series first, then by name, then by the last part of
/// the name where that is unique.
///
/// Several references of one predicted series are several opinions, and are scored each. Of several predictions of one series
/// nobody can tell which is meant: they are named, and none is scored.
struct CohortPairs {
    private(set) var pairs: [(reference: CohortCase, prediction: CohortCase)] = []
    private(set) var onlyReference: [String] = []
    private(set) var onlyPrediction: [String] = []
    /// What was left out of the folders and why.
    private(set) var findings: [String] = []
    /// Cases that were not matched, though they seem to belong together, and references that share a prediction.
    private(set) var differences: [String] = []

    /// - Throws: `SystemError` when a folder cannot be listed.
    init(of request: ComparisonRequest) throws(SystemError) {
        func cases(_ folder: String) throws(SystemError) -> CohortCases {
            let root = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
            return try CohortCases(in: root, everyFileIsACase: request.everyFileIsACase)
        }
        let (references, predictions) = (try cases(request.reference), try cases(request.prediction))
        self.init(references: references.cases, predictions: predictions.cases)
        findings = references.findings.map { "reference: \($0)" } + predictions.findings.map { "prediction: \($0)" }
    }

    init(references: [CohortCase], predictions: [CohortCase]) {
        var free = predictions
        var open = references
        func match(sharing: Bool = false, _ belong: (CohortCase, CohortCase) -> Bool) {
            var used: Set<String> = []
            open = open.filter { reference in
                let candidates = free.indices.filter { belong(reference, free[$0]) }
                // Two that fit are no match: guessing would score the wrong scan.
                guard candidates.count == 1, let index = candidates.first else { return true }
                pairs.append((reference, free[index]))
                if sharing { used.insert(free[index].path) } else { free.remove(at: index) }
                return false
            }
            free.removeAll { used.contains($0.path) }
        }
        match(sharing: true) { !Set($0.seriesInstanceUIDs).isDisjoint(with: $1.seriesInstanceUIDs) }
        match { $0.name == $1.name && !Self.areOfDifferentSeries($0, $1) }
        match { Directory.name(of: $0.name) == Directory.name(of: $1.name) && !Self.areOfDifferentSeries($0, $1) }
        // One case on each side: there is nothing to confuse.
        if open.count == 1 && free.count == 1 && pairs.isEmpty { match { !Self.areOfDifferentSeries($0, $1) } }
        pairs.sort { $0.reference.name < $1.reference.name }
        (onlyReference, onlyPrediction) = (open.map(\.name), free.map(\.name))
        differences = Self.shared(pairs) + Self.undecided(open, free)
        let isAlone = references.count == 1 && predictions.count == 1
        differences += open.flatMap { reference in
            free.filter { prediction in
                (isAlone || Directory.name(of: reference.name) == Directory.name(of: prediction.name))
                    && Self.areOfDifferentSeries(reference, prediction)
            }.map { prediction in
                """
                \(reference.name) of the reference and \(prediction.name) of the prediction contour different series and \
                were not matched
                """
            }
        }
    }

    /// What a pair is called: after its reference, and after both where a prediction has several references.
    func name(of pair: (reference: CohortCase, prediction: CohortCase)) -> String {
        pairs.count { $0.prediction.path == pair.prediction.path } > 1
            ? "\(pair.reference.name) with \(pair.prediction.name)" : pair.reference.name
    }

    private static func shared(_ pairs: [(reference: CohortCase, prediction: CohortCase)]) -> [String] {
        Dictionary(grouping: pairs, by: \.prediction.path).values.filter { $0.count > 1 }.map { group in
            """
            \(group.count) references fit \(group[0].prediction.name) of the prediction: \
            \(group.map(\.reference.name).sorted().joined(separator: ", ")); each is scored, as a case of its own
            """
        }.sorted()
    }

    private static func undecided(_ open: [CohortCase], _ free: [CohortCase]) -> [String] {
        open.compactMap { reference in
            let fitting = free.filter { !Set($0.seriesInstanceUIDs).isDisjoint(with: reference.seriesInstanceUIDs) }
            guard fitting.count > 1 else { return nil }
            return """
                \(fitting.count) predictions fit \(reference.name) of the reference: \
                \(fitting.map(\.name).sorted().joined(separator: ", ")); none is scored, as nobody can tell which is meant: take the \
                others away, or give the reference the name of one
                """
        }
    }

    private static func areOfDifferentSeries(_ a: CohortCase, _ b: CohortCase) -> Bool {
        !a.seriesInstanceUIDs.isEmpty && !b.seriesInstanceUIDs.isEmpty
            && Set(a.seriesInstanceUIDs).isDisjoint(with: b.seriesInstanceUIDs)
    }
}
