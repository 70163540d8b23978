import Foundation
import Imaging
import Metrics
import Report
import Segmentation

/// The cases of a training through its finished package, by the way that the service takes: the CT in full, the
/// package as it was written, clean-up and acceptance, scores on the CT's grid.
struct TrainingEvaluation {
    let prepared: PreparedCases
    let configuration: TrainingConfiguration
    let threads: Int
    let origin: WeightsOrigin?
    private(set) var rows: [ModelCard.ScoreRow] = []
    private var cases: [CohortReport.Case] = []
    /// The worst case of each structure so far; the voxels of no other are kept.
    private var worst: [String: (surfaceDice: Double, picture: CasePicture)] = [:]

    init(prepared: PreparedCases, configuration: TrainingConfiguration, threads: Int, origin: WeightsOrigin?) {
        (self.prepared, self.configuration) = (prepared, configuration)
        (self.threads, self.origin) = (threads, origin)
    }

    /// The role whose cases make the cohort: the first that has any.
    var role: CaseRecord.Role {
        [.test, .validation].first { !prepared.names($0).isEmpty } ?? .training
    }

    /// Scores the test and the validation cases; where none tests, the training cases too. Generated patients that were
    /// trained on are scored only where there is nothing else: they are many, and say the least.
    mutating func score(_ model: ModelPackage, _ progress: (TrainingProgress) throws -> Void) throws {
        let generated = Set(configuration.generator.trainingNames)
        let patients = Set(prepared.sources.map(\.patient)).sorted()
        for source in prepared.sources {
            guard let itsRole = prepared.records.first(where: { $0.name == source.name })?.role,
                role != .test || itsRole != .training,
                role == .training || !generated.contains(source.name)
            else { continue }
            let scoring = TrainingProgress(phase: .finishing, item: source.name)
            try progress(scoring)
            let item = try load(source)
            let result = try segment(
                input: networkInput(ct: item.ct, model: model, threads: threads),
                ctGeometry: item.ct.geometry,
                model: model,
                threads: threads,
                progress: { _ in try progress(scoring) }
            )
            let truth = LabelMap(volume: item.labels, labels: result.labelMap.labels)
            var found = result.labelMap
            // Nobody knows what is there: it is in neither.
            for n in item.labels.voxels.indices where item.labels.voxels[n] == TrainingCase.unknown {
                found.volume.voxels[n] = 0
            }
            var structures: [StructureScores] = []
            for structure in result.structures {
                guard let (scores, empty) = try score(structure, item.ct, truth, found, source.name, itsRole)
                else { continue }
                // What neither side shows says nothing about the model: no mean counts it.
                if empty != .both { structures.append(scores) }
                rows.append(
                    ModelCard.ScoreRow(
                        caseName: source.name,
                        role: itsRole,
                        scores: scores,
                        confidence: structure.confidence,
                        empty: empty
                    )
                )
            }
            if itsRole == role {
                let patient = patients.firstIndex(of: source.patient).map { $0 + 1 }
                cases.append(CohortReport.Case(name: source.name, patient: patient, structures: structures))
            }
        }
    }

    /// Files may go while a training takes its hours.
    private func load(_ source: TrainingCaseSource) throws -> TrainingCase {
        do { return try source.load() } catch {
            let reason = "\(error)"
            // Within a sentence.
            let message = reason.hasSuffix(".") ? String(reason.dropLast()) : reason
            throw SegmentationError.lostCase(name: source.name, message: message)
        }
    }

    /// The scores, and which side is empty; nil for a structure that has no label.
    private mutating func score(
        _ structure: StructureResult,
        _ ct: Volume<Int16>,
        _ truth: LabelMap,
        _ found: LabelMap,
        _ name: String,
        _ itsRole: CaseRecord.Role
    ) throws -> (scores: StructureScores, empty: ModelCard.ScoreRow.EmptySide?)? {
        guard let reference = truth.mask(of: structure.name), let prediction = found.mask(of: structure.name) else {
            return nil
        }
        let empty: ModelCard.ScoreRow.EmptySide? =
            switch (reference.voxels.contains(1), prediction.voxels.contains(1)) {
            case (true, true): nil
            case (false, true): .reference
            case (true, false): .prediction
            case (false, false): .both
            }
        let scores = StructureScores(
            name: structure.name,
            reference: reference,
            prediction: prediction,
            threads: threads
        )
        let surfaceDice = (scores.surfaceDice["2"] ?? nil) ?? -1
        if itsRole == role, empty != .both, surfaceDice < worst[structure.name]?.surfaceDice ?? 2,
            let picture = try worstPicture(
                "\(name), \(structure.name)",
                ct: ct,
                prediction: prediction,
                reference: reference
            )
        {
            worst[structure.name] = (surfaceDice, picture)
        }
        return (scores, empty)
    }

    /// By the names of the structures.
    var pictures: [CasePicture] { worst.sorted { $0.key < $1.key }.map(\.value.picture) }

    /// What the page of a cohort shows.
    var cohort: CohortReport {
        var findings = [comparability] + [origin?.text].compactMap(\.self)
        switch role {
        case .test: break
        case .validation:
            findings.append(
                "No patient was kept for testing. These cases chose the best epoch, so that their scores are too good."
            )
        default:
            findings.append("These cases were trained on: their scores say nothing about other patients.")
        }
        var report = CohortReport(
            cases: cases,
            findings: findings,
            publishedStructures: isComparable ? lungs(of: cases) : []
        )
        report.demonstration = configuration.demonstration ? true : nil
        return report
    }

    private var casesOfLCTSC: Int {
        let names = Set(cases.map(\.name))
        return prepared.sources.count { names.contains($0.name) && $0.collection == PublicCollection.lctsc.rawValue }
    }

    private var isLCTSC: Bool { !cases.isEmpty && casesOfLCTSC == Set(cases.map(\.name)).count }

    private var isComparable: Bool { isLCTSC && role == .test && !mayHaveBeenSeen }

    /// Whether the weights that the training began with may have seen patients that test.
    private var mayHaveBeenSeen: Bool { origin.map { !$0.hasReport || !$0.seenTestCases.isEmpty } ?? false }

    /// Whether the scores may stand beside the published ones: only left lungs of LCTSC that were not trained on.
    var comparability: String {
        let published = "the published surface Dice at 2 mm (median 0.95, mean 0.92)"
        let names = Set(cases.map(\.name))
        guard isLCTSC else {
            return "Not comparable with \(published): that is of left lungs of the LCTSC data set, and "
                + "\(names.count - casesOfLCTSC) of these \(names.count) cases are other data."
        }
        guard role == .test else {
            return "Not comparable with \(published): these cases of LCTSC took part in the training."
        }
        guard !mayHaveBeenSeen else {
            return "Not comparable with \(published): the training began with weights that have seen test patients, or "
                + "that say nothing of theirs."
        }
        let left = cases.flatMap(\.structures).filter { StructureName($0.name) == StructureName("Lung_L") }
        let summary = SampleSummary(left.map { $0.surfaceDice["2"] ?? nil })
        guard let median = summary.median, let mean = summary.mean else {
            return "Not comparable with \(published): that is of left lungs, and this model has none."
        }
        return String(
            format: "Comparable with %@ in its data (LCTSC, left lung alone), not in its division of the patients: "
                + "here median %.3f, mean %.3f of %d patients.",
            published,
            median,
            mean,
            summary.count
        )
    }
}
