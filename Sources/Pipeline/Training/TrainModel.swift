import Foundation
import Imaging
import Metrics
import Platform
import Segmentation

/// What `contourctl train` is asked for.
package struct TrainRequest: Sendable {
    /// Folders with DICOM series or NIfTI pairs.
    package var dataDirectories: [String]
    /// Label maps for the CT series of `dataDirectories`.
    package var labelsDirectory: String?
    /// Folder of the model package to make.
    package var output: String
    /// Cache and checkpoints; kept, so that a training that was stopped goes on.
    package var workDirectory: String
    package var configuration: TrainingConfiguration
    package var threads: Int
    /// Score the test and the validation cases with the finished model, or every case where none tests; takes up to a
    /// minute a case.
    package var scoresCases: Bool
    /// Weights to begin with, of a package or a checkpoint; nil draws them.
    package var startingWeights: String?

    package init(
        dataDirectories: [String],
        labelsDirectory: String?,
        output: String,
        workDirectory: String,
        configuration: TrainingConfiguration,
        threads: Int,
        scoresCases: Bool = true
    ) {
        self.dataDirectories = dataDirectories
        self.labelsDirectory = labelsDirectory
        self.output = output
        self.workDirectory = workDirectory
        self.configuration = configuration
        self.threads = threads
        self.scoresCases = scoresCases
    }
}

/// Trains a model from folders of cases and writes its package: `model.json`, `weights.safetensors`,
/// `MODEL_CARD.md`, `training.json` (the whole recipe), `training-report.json`, `learning-curve.svg`, and the scores of
/// the test patients as `evaluation.json` and `evaluation.html`.
///
/// Cases that cannot be used are skipped with a reason. Started again after it was stopped, it goes on from the
/// last epoch.
///
/// - Throws: `SegmentationError`; `SystemError` for files and folders that are not there or cannot be used; `Fault` where
///   the output is taken or another training works in the work folder. What of that can be known is known before anything
///   is done.
package func trainModel(
    _ request: TrainRequest,
    progress: @escaping (TrainingProgress) throws -> Void
) throws -> TrainingReport {
    try request.configuration.validate()
    try Trainer.requireMemory(for: request.configuration)
    let places = try TrainingPlaces(request)
    defer { withExtendedLifetime(places) {} }
    let begun = try beginning(request.workDirectory)
    let prepared = try prepareCases(request, progress: progress)
    let origin = try request.startingWeights.map { try WeightsOrigin(path: $0, prepared: prepared) }
    let trainer = Trainer(
        configuration: request.configuration,
        training: prepared.cached(.training),
        validation: prepared.cached(.validation),
        directory: request.workDirectory,
        threads: request.threads,
        startingWeights: request.startingWeights,
        progress: progress
    )
    let outcome = try trainer.run()
    try progress(TrainingProgress(phase: .finishing))
    return try TrainedPackage(request: request, prepared: prepared, outcome: outcome, begun: begun, origin: origin)
        .write(progress: progress)
}

/// When the training was first started: a file of the work folder, so that interruptions do not make it younger.
private func beginning(_ workDirectory: String) throws -> String {
    let path = workDirectory + "/begun.txt"
    if let known = FileManager.default.contents(atPath: path) { return String(decoding: known, as: UTF8.self) }
    let now = Date().formatted(.iso8601)
    try AtomicFile.write(Data(now.utf8), to: path)
    return now
}

/// The cases of a training after preprocessing.
struct PreparedCases {
    var sources: [TrainingCaseSource] = []
    var cases: [CachedCase] = []
    var records: [CaseRecord] = []
    var unmatchedNames: [String: Int] = [:]
    /// Of `split.exclude`: nobody is called so.
    var unusedExclusions: [String] = []
    /// CTs whose folder stands for the patient.
    var withoutPatientID: [String] = []

    /// What the division does not know; nil where every CT says whose it is.
    var patientNote: String? {
        guard !withoutPatientID.isEmpty else { return nil }
        return """
            \(counted(withoutPatientID.count, "CT")) without Patient ID: each of their folders counts as one patient. Scans of one \
            patient that lie in several folders may train and test at once; give them one Patient ID.
            """
    }

    func cached(_ role: CaseRecord.Role) -> [CachedCase] {
        cases.filter { item in records.contains { $0.name == item.name && $0.role == role } }
    }

    /// The division that took place: what was skipped is in no part.
    var split: Split {
        Split(
            training: names(.training),
            validation: names(.validation),
            test: names(.test),
            excluded: names(.excluded)
        )
    }

    func names(_ role: CaseRecord.Role) -> [String] { records.filter { $0.role == role }.map(\.name) }

    /// SHA-256 over the digests of the cases that were trained or validated on, in order of their names.
    var digest: String {
        let used = records.filter { $0.role == .training || $0.role == .validation }.sorted { $0.name < $1.name }
        return SHA256Digest.hex(of: Data(used.map { "\($0.name) \($0.digest)" }.joined(separator: "\n").utf8))
    }
}

private func prepareCases(
    _ request: TrainRequest,
    progress: (TrainingProgress) throws -> Void
) throws -> PreparedCases {
    let configuration = request.configuration
    var found = try findTrainingCases(
        in: request.dataDirectories,
        labels: request.labelsDirectory,
        rois: configuration.rois
    )
    let cases = found.sources.map { ($0.name, $0.patient) } + found.skipped.map { ($0.name, $0.name) }
    let unknown = configuration.split.unknownNames(among: cases)
    guard unknown.isEmpty || found.sources.isEmpty else {
        throw SegmentationError.invalidConfiguration(
            key: "split.validation",
            message: "no case or patient is called \(unknown.joined(separator: ", ")); there is "
                + found.sources.map(\.name).sorted().joined(separator: ", ")
        )
    }
    let split = divide(found.sources, configuration)
    try requireParts(split, of: found.sources.map { ($0.name, $0.patient) }, configuration)
    found.sources += generatedCases(configuration.generator, rois: configuration.rois)
    let generated = Set(configuration.generator.trainingNames + configuration.generator.validationNames)
    let cache = CaseCache(
        directory: request.workDirectory + "/cache",
        input: configuration.input,
        roiCount: configuration.rois.count
    )
    var prepared = PreparedCases(records: found.skipped, unmatchedNames: found.unmatchedNames)
    prepared.unusedExclusions = configuration.split.unusedExclusions(among: cases)
    prepared.withoutPatientID = found.sources.filter { !$0.hasPatientID }.map(\.name)
    if let note = prepared.patientNote { try progress(TrainingProgress(phase: .noted, item: note)) }
    for (index, source) in found.sources.enumerated() {
        guard let role = split.role(of: source.name), role != .excluded else {
            prepared.records.append(CaseRecord(name: source.name, role: .excluded, remark: "by the recipe"))
            continue
        }
        try progress(
            TrainingProgress(phase: .caching, step: index, steps: found.sources.count, item: source.name)
        )
        do {
            let cached = try cache.prepare(source, threads: request.threads)
            // A generated scan without any structure is background on purpose, its labels being exact.
            guard cached.showsAnything || generated.contains(source.name) else {
                let remark = "shows none of the structures"
                prepared.records.append(CaseRecord(name: source.name, role: .skipped, remark: remark))
                continue
            }
            prepared.cases.append(cached)
            prepared.sources.append(source)
            prepared.records.append(
                CaseRecord(
                    name: source.name,
                    role: role,
                    remark: cached.remark(configuration.rois.map(\.roi.name)),
                    slices: cached.sliceCount,
                    digest: cached.digest
                )
            )
        } catch let error as SystemError {
            // The cache, not the case: the next one would fail, too.
            throw error
        } catch {
            prepared.records.append(CaseRecord(name: source.name, role: .skipped, remark: "\(error)"))
        }
    }
    guard !prepared.cached(.training).isEmpty else {
        let reasons = prepared.records.map { "\($0.name): \($0.role.rawValue) \($0.remark)" }.joined(separator: "; ")
        throw SegmentationError.noUsableCases(message: reasons.isEmpty ? "no case was found" : reasons)
    }
    return prepared
}

/// Refuses a division that lacks a part which was asked for. Where no case of people was found there is nothing to divide: why
/// is told later.
private func requireParts(
    _ split: Split,
    of cases: [(name: String, patient: String)],
    _ configuration: TrainingConfiguration
) throws(SegmentationError) {
    let othersTrain = configuration.generator.count > 0
    guard !cases.isEmpty, let problem = split.problem(of: cases, configuration.split, othersTrain: othersTrain) else {
        return
    }
    throw .invalidConfiguration(key: problem.key, message: problem.message)
}

/// The roles of the cases: those of people are drawn, generated ones have theirs by name.
private func divide(_ sources: [TrainingCaseSource], _ configuration: TrainingConfiguration) -> Split {
    var roles = configuration.split
    let generator = configuration.generator
    // With generated patients that validate, no real ones are drawn for it.
    if generator.validationCount > 0 { roles.validation.append(generatedValidationPattern) }
    var result = split(sources.map { ($0.name, $0.patient) }, configuration: roles, seed: configuration.seed)
    result.training += generator.trainingNames
    result.validation += generator.validationNames
    return result
}
