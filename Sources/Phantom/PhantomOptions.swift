/// What a phantom shows beside a person: disease, implants, contrast medium, pose. The default is a plain normal chest.
package struct PhantomOptions: Sendable, Equatable, Codable {
    /// What can be wrong with the chest. Raw values are those of `contourctl phantom --disease`.
    package enum Disease: String, Sendable, CaseIterable, Codable {
        case nodules, mass, consolidation, groundGlass = "ground-glass", effusion, emphysema, collapse, pneumothorax
        case fibrosis, pneumonectomy
    }

    package enum Implant: String, Sendable, CaseIterable, Codable {
        case pacemaker, port, sternalWires = "sternal-wires", spinalScrews = "spinal-screws", ecgLeads = "ecg-leads"
    }

    /// Where the contrast medium is.
    package enum Contrast: String, Sendable, CaseIterable, Codable { case none, pulmonary, arterial, venous }
    package enum Arms: String, Sendable, CaseIterable, Codable { case up, down }

    /// How the patient lies.
    package enum Couch: String, Sendable, CaseIterable, Codable {
        case flat, curved, mattress, none
        /// A flat table with what holds a patient in place on it; `random` draws none.
        case radiotherapy
    }

    package var diseases: Set<Disease> = []
    package var implants: Set<Implant> = []
    package var contrast = Contrast.none
    package var arms = Arms.up
    package var couch = Couch.flat
    /// Turns of the patient about x, y and z, degrees.
    package var turn = Pose()
    /// Smooth irregularity of every surface, mm.
    package var irregularityMM = 2.0

    /// Where the patient lies in the scanner: offset in mm and turns in degrees.
    package struct Pose: Sendable, Equatable, Codable {
        package var x = 0.0
        package var y = 0.0
        package var pitch = 0.0
        package var roll = 0.0
        package var yaw = 0.0

        package init() {}
    }

    package init() {}

    /// Everything that the options change, in words: two different phantoms never share it.
    package var identity: String {
        let lists = [diseases.map(\.rawValue).sorted(), implants.map(\.rawValue).sorted()]
        let words = lists.map { $0.joined(separator: "+") } + [contrast.rawValue, arms.rawValue, couch.rawValue]
        let pose = [turn.x, turn.y, turn.pitch, turn.roll, turn.yaw, irregularityMM].map { "\($0)" }
        return (words + pose).joined(separator: " ")
    }

    /// Disease, implants, contrast and pose by chance, about as they come to a radiotherapy department.
    ///
    /// - Parameter diseaseFactor: times as often as there each disease comes, in at most nine of ten patients.
    package static func random(seed: UInt64, diseaseFactor: Double = 1) -> PhantomOptions {
        var random = SeededRandom(seed: seed, stream: 11)
        var options = PhantomOptions()
        let chances: [(Disease, Double)] = [
            (.nodules, 0.35), (.mass, 0.25), (.consolidation, 0.22), (.groundGlass, 0.15), (.effusion, 0.2),
            (.emphysema, 0.2), (.collapse, 0.12), (.pneumothorax, 0.07), (.fibrosis, 0.12), (.pneumonectomy, 0.03),
        ]
        for (disease, chance) in chances where random.happens(min(0.9, chance * diseaseFactor)) {
            options.diseases.insert(disease)
        }
        let implants: [(Implant, Double)] = [
            (.pacemaker, 0.05), (.port, 0.1), (.sternalWires, 0.06), (.spinalScrews, 0.02), (.ecgLeads, 0.25),
        ]
        for (implant, chance) in implants where random.happens(chance) { options.implants.insert(implant) }
        let contrast = random.uniform(0...1)
        options.contrast = contrast < 0.45 ? .none : contrast < 0.6 ? .pulmonary : contrast < 0.85 ? .arterial : .venous
        options.arms = random.happens(0.75) ? .up : .down
        options.couch = [.flat, .flat, .curved, .curved, .mattress, .none][random.index(6)]
        options.turn.x = random.uniform(-20...20)
        options.turn.y = random.uniform(-15...15)
        options.turn.roll = random.uniform(-6...6)
        options.turn.pitch = random.uniform(-4...4)
        options.turn.yaw = random.uniform(-4...4)
        options.irregularityMM = random.uniform(1.5...4)
        return options
    }
}
