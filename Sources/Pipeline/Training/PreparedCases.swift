import Foundation
import Platform
import Segmentation

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
    /// Cases with one picture that are called different patients.
    var sameScans: [[String]] = []

    /// What is to be known of the division; empty where every CT says whose it is, and none is there as somebody else's.
    var patientNotes: [String] { [withoutPatientIDNote, sameScansNote].compactMap(\.self) }

    private var withoutPatientIDNote: String? {
        guard !withoutPatientID.isEmpty else { return nil }
        return """
            \(counted(withoutPatientID.count, "CT")) without Patient ID: each of their folders counts as one patient. Scans of one \
            patient that lie in several folders may train and test at once; give them one Patient ID.
            """
    }

    private var sameScansNote: String? {
        guard !sameScans.isEmpty else { return nil }
        let listed = sameScans.prefix(Self.mostListed).map { $0.joined(separator: " = ") }.joined(separator: "; ")
        let others = sameScans.count > Self.mostListed ? "; and \(sameScans.count - Self.mostListed) more" : ""
        return """
            \(counted(sameScans.count, "scan")) there as different patients (\(listed)\(others)): each counts as one patient, so that \
            none trains and tests at once. Leave the copies out, or give them one Patient ID.
            """
    }

    private static let mostListed = 5

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

extension PreparedCases {
    /// Finds the cases, divides them and puts them into the cache.
    ///
    /// - Throws: `SegmentationError` where nobody is left to train, or a part that was asked for has nobody.
    init(_ request: TrainRequest, progress: (TrainingProgress) throws -> Void) throws {
        let configuration = request.configuration
        let found = try findTrainingCases(
            in: request.dataDirectories,
            labels: request.labelsDirectory,
            rois: configuration.rois,
            progress: progress
        )
        let cases = found.sources.map { ($0.name, $0.patient) } + found.skipped.map { ($0.name, $0.name) }
        let aliases = aliases(found.sources)
        let unknown = configuration.split.unknownNames(among: cases, aliases: aliases)
        guard unknown.isEmpty || found.sources.isEmpty else {
            throw SegmentationError.invalidConfiguration(
                key: "split.validation",
                message: "no case or patient is called \(unknown.joined(separator: ", ")); there is "
                    + found.sources.map(\.name).sorted().joined(separator: ", ")
            )
        }
        // What must stay out is told as that, whatever else is wrong with it.
        let refused = found.skipped.map { record in
            guard configuration.split.excludes(record.name) else { return record }
            return CaseRecord(name: record.name, role: .excluded, remark: Self.excluded, slices: record.slices)
        }
        self.init(records: refused, unmatchedNames: found.unmatchedNames)
        unusedExclusions = configuration.split.unusedExclusions(among: cases, aliases: aliases)
        withoutPatientID = found.sources.filter { !$0.hasPatientID }.map(\.name)
        var division = try divide(found.sources, configuration)
        for name in unusedExclusions {
            // A slip of the pen would let somebody be learned from who must not be.
            let note = "split.exclude: no case or patient is called \(name)"
            try progress(TrainingProgress(phase: .noted, item: note))
        }
        if let note = withoutPatientIDNote { try progress(TrainingProgress(phase: .noted, item: note)) }
        try load(found.sources, request, division, progress)
        // Which scans are the same is known only now.
        skipContradictions(among: Set(found.sources.map(\.name)), configuration.rois)
        let persons = unitePatients(of: Set(found.sources.map(\.name)))
        if let note = sameScansNote {
            try progress(TrainingProgress(phase: .noted, item: note))
            division = try divide(found.sources, configuration, persons: persons)
            assign(division, persons)
        }
        try requireUsableCases(in: division)
    }

    private mutating func load(
        _ found: [TrainingCaseSource],
        _ request: TrainRequest,
        _ division: Split,
        _ progress: (TrainingProgress) throws -> Void
    ) throws {
        let configuration = request.configuration
        let all = found + generatedCases(configuration.generator, rois: configuration.rois, threads: request.threads)
        let generated = Set(configuration.generator.trainingNames + configuration.generator.validationNames)
        let cache = CaseCache(
            directory: request.workDirectory + "/cache",
            input: configuration.input,
            roiCount: configuration.rois.count
        )
        for (index, source) in all.enumerated() {
            guard let role = division.role(of: source.name), role != .excluded else {
                records.append(CaseRecord(name: source.name, role: .excluded, remark: Self.excluded))
                continue
            }
            try progress(TrainingProgress(phase: .caching, step: index, steps: all.count, item: source.name))
            do {
                let cached = try cache.prepare(source, threads: request.threads)
                // A generated scan without any structure is background on purpose, its labels being exact.
                guard cached.showsAnything || generated.contains(source.name) else {
                    records.append(
                        CaseRecord(name: source.name, role: .skipped, remark: "shows none of the structures")
                    )
                    continue
                }
                if let reason = cached.exchangedSides(configuration.rois.map(\.roi)) {
                    records.append(CaseRecord(name: source.name, role: .skipped, remark: reason))
                    continue
                }
                cases.append(cached)
                sources.append(source)
                records.append(
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
                records.append(CaseRecord(name: source.name, role: .skipped, remark: "\(error)"))
            }
        }
    }

    private static let excluded = "by the recipe"

    /// Cases by their pictures.
    private func pictures(of names: Set<String>) -> [[(source: TrainingCaseSource, cached: CachedCase)]] {
        let people = zip(sources, cases).filter { names.contains($0.0.name) }.map { (source: $0, cached: $1) }
        return Dictionary(grouping: people) { $0.cached.pictureDigest }.values.sorted {
            $0[0].source.name < $1[0].source.name
        }
    }

    /// Skips cases with one picture in which a structure is drawn in different ways, as two objects of one series are.
    ///
    /// - Parameter names: the cases of people.
    private mutating func skipContradictions(among names: Set<String>, _ rois: [TrainingROI]) {
        for group in pictures(of: names) {
            for (index, roi) in rois.enumerated() {
                let agreements = group.dropFirst().map { $0.cached.agreement(with: group[0].cached, roi: index) ?? 1 }
                guard let least = agreements.min(), least < leastAgreement else { continue }
                for (source, _) in group {
                    let others = group.map(\.source.name).filter { $0 != source.name }.joined(separator: ", ")
                    skip(
                        source.name,
                        """
                        the same picture as \(others), in which \(roi.roi.name) is drawn differently (Dice \(rounded(least))): which \
                        one is meant, nobody says; leave the others out (split.exclude)
                        """
                    )
                }
                break
            }
        }
    }

    /// Takes a case out that was cached already.
    private mutating func skip(_ name: String, _ reason: String) {
        for index in records.indices where records[index].name == name {
            records[index].role = .skipped
            records[index].remark = reason
        }
        sources.removeAll { $0.name == name }
        cases.removeAll { $0.name == name }
    }

    /// Takes patients who have one picture for one: a scan that was made anonymous twice must not train and test at once.
    ///
    /// - Parameter names: the cases of people.
    /// - Returns: by patient, the one that it is taken for; those who stay are not in it.
    private mutating func unitePatients(of names: Set<String>) -> [String: String] {
        var persons: [String: String] = [:]
        func person(_ patient: String) -> String {
            var person = patient
            while let other = persons[person] { person = other }
            return person
        }
        for group in pictures(of: names) {
            let patients = Set(group.map(\.source.patient))
            guard patients.count > 1 else { continue }
            sameScans.append(group.map(\.source.name))
            let others = Set(patients.map(person)).sorted()
            for other in others.dropFirst() { persons[other] = others[0] }
        }
        return Dictionary(uniqueKeysWithValues: persons.keys.map { ($0, person($0)) })
    }

    /// Gives cases the roles of another division.
    private mutating func assign(_ division: Split, _ persons: [String: String]) {
        for index in sources.indices {
            sources[index].patient = persons[sources[index].patient] ?? sources[index].patient
        }
        for index in records.indices where records[index].role != .skipped && records[index].role != .excluded {
            records[index].role = division.role(of: records[index].name) ?? .excluded
            if records[index].role == .excluded { records[index].remark = Self.excluded }
        }
        let excluded = Set(names(.excluded))
        sources.removeAll { excluded.contains($0.name) }
        cases.removeAll { excluded.contains($0.name) }
    }

    /// A part that has lost all its cases to the table's reasons must not be taken for one that nobody asked for.
    private func requireUsableCases(in division: Split) throws(SegmentationError) {
        func reasons(_ names: [String]) -> String {
            let skipped = records.filter { $0.role == .skipped && names.contains($0.name) }
            let listed = skipped.prefix(Self.mostListed).map { "\($0.name): \($0.remark)" }.joined(separator: "; ")
            return listed + (skipped.count > Self.mostListed ? "; and \(skipped.count - Self.mostListed) more" : "")
        }
        guard !cached(.training).isEmpty else {
            let reasons = records.map { "\($0.name): \($0.role.rawValue) \($0.remark)" }.joined(separator: "; ")
            throw .noUsableCases(message: reasons.isEmpty ? "no case was found" : reasons)
        }
        for (role, wanted) in [(CaseRecord.Role.validation, division.validation), (.test, division.test)]
        where !wanted.isEmpty && cached(role).isEmpty {
            throw .invalidConfiguration(
                key: "split",
                message: """
                    none of \(counted(wanted.count, "\(role.rawValue) case")) can be used (\(reasons(wanted))); mend them, take them out \
                    of the data, so that others are drawn, or do without by a \(role.rawValue)Fraction of 0
                    """
            )
        }
    }
}

/// The roles of the cases: those of people are drawn, generated ones have theirs by name.
///
/// - Parameter persons: by patient, another one that is taken for the same.
/// - Throws: where a part that was asked for has nobody. Where no case of people was found there is nothing to divide: why is
///   told later.
private func divide(
    _ sources: [TrainingCaseSource],
    _ configuration: TrainingConfiguration,
    persons: [String: String] = [:]
) throws(SegmentationError) -> Split {
    var roles = configuration.split
    let generator = configuration.generator
    // With generated patients that validate, no real ones are drawn for it.
    if generator.validationCount > 0 { roles.validation.append(generatedValidationPattern) }
    var result = split(
        sources.map { ($0.name, $0.patient) },
        configuration: roles,
        seed: configuration.seed,
        persons: persons,
        aliases: aliases(sources)
    )
    result.training += generator.trainingNames
    result.validation += generator.validationNames
    let cases = sources.map { (name: $0.name, patient: persons[$0.patient] ?? $0.patient) }
    guard !cases.isEmpty,
        let problem = result.problem(of: cases, configuration.split, othersTrain: generator.count > 0)
    else { return result }
    throw .invalidConfiguration(key: problem.key, message: problem.message)
}

/// By case, the names that only its owner knows it by.
private func aliases(_ sources: [TrainingCaseSource]) -> [String: [String]] {
    Dictionary(sources.map { ($0.name, $0.aliases) }, uniquingKeysWith: { $0 + $1 })
}
