import Segmentation
import Testing

@Suite("Names of structures")
struct StructureNameTests {
    static let own = ["Lung_L", "Lung_R", "Lungs", "Heart", "Esophagus", "SpinalCord", "Body"]

    /// What people call them in the data of different centres, and what that is; nil for what is none of ours.
    static let spellings: [(String, String?)] = [
        ("Lung_L", "Lung_L"), ("LungL", "Lung_L"), ("Lung_L^auto", "Lung_L"), ("linke Lunge", "Lung_L"),
        ("Lunge li", "Lung_L"), ("Lunge links", "Lung_L"), ("poumon gauche", "Lung_L"), ("L Lung", "Lung_L"),
        ("Lt Lung", "Lung_L"), ("LUNG LT", "Lung_L"), ("Lung Left", "Lung_L"), ("LEFT_LUNG", "Lung_L"),
        ("lung-left", "Lung_L"), ("LLung", "Lung_L"), ("LUNGL", "Lung_L"), ("Lung (L)", "Lung_L"),
        ("LtLung", "Lung_L"), ("pulmón izquierdo", "Lung_L"), ("polmone sx", "Lung_L"), ("Lung_L AI", "Lung_L"),
        ("LungR", "Lung_R"), ("rechte Lunge", "Lung_R"), ("Lunge re", "Lung_R"), ("poumon droit", "Lung_R"),
        ("RTLung", "Lung_R"), ("rt lung", "Lung_R"), ("Lung.Right", "Lung_R"), ("R LUNG", "Lung_R"),
        ("polmone dx", "Lung_R"), ("lungr", "Lung_R"), ("rightlung", "Lung_R"),
        ("Lungs", "Lungs"), ("lungs total", "Lungs"), ("Total Lung", "Lungs"), ("Lung_Both", "Lungs"),
        ("beide Lungen", "Lungs"), ("poumons", "Lungs"), ("LungTotal", "Lungs"),
        ("heart", "Heart"), ("Herz", "Heart"), ("Oesophagus", "Esophagus"), ("ESOPHAGUS", "Esophagus"),
        ("Spinal Cord", "SpinalCord"), ("SPINALCORD", "SpinalCord"), ("spinal_cord", "SpinalCord"),
        ("Cord", "SpinalCord"), ("EXTERNAL", "Body"), ("Body", "Body"), ("Skin", "Body"), ("BODY", "Body"),
        // A margin, a target or a part of it is another structure.
        ("Lung_L_PTV", nil), ("Lung_L-GTV", nil), ("Lung L PRV", nil), ("PTV_Lung_L", nil), ("PTVLungL", nil),
        ("Lung_L^PTV", nil), ("Lungs-GTV", nil), ("Lung_L_5mm", nil), ("Lung_L2", nil), ("Lung_LUL", nil),
        ("Left Lung Lower Lobe", nil), ("Total Lung minus PTV", nil), ("Lungs_L", nil), ("Lung_L total", nil),
        ("SpinalCord_PRV", nil), ("SpinalCanal", nil), ("Body-PTV", nil), ("Skin_5mm", nil), ("Heart_L", nil),
        // What says both sides or none is not guessed.
        ("Lung", nil), ("Lung_L_R", nil), ("Lung_L re", nil), ("L", nil), ("", nil), ("^auto", nil), ("auto", nil),
    ]

    @Test("the spellings of a name, and what is not meant by it", arguments: spellings)
    func spelling(_ name: String, _ meant: String?) {
        let partner = StructureName.partners(of: [name], in: Self.own)[0].map { Self.own[$0] }
        #expect(partner == meant)
    }

    @Test("one that is spelt alike goes before one that means the same, wherever it stands")
    func exactFirst() {
        let names = ["Lung_L^auto", "lung l", "EXTERNAL", "Skin"]
        #expect(StructureName.partners(of: names, in: ["Body", "Skin", "Lung_L"]) == [1: 2, 2: 0, 3: 1])
    }

    @Test("each has one partner at most")
    func onePartner() {
        #expect(StructureName.partners(of: ["Left Lung", "LungL"], in: ["Lung_L"]) == [0: 0])
        #expect(StructureName.partners(of: ["LungL"], in: ["Left Lung", "Lung_L"]) == [0: 0])
    }

    @Test("patterns of a recipe mean the same names; those with a star are taken as written")
    func patterns() {
        let lungs = TrainingConfiguration.lungs.rois
        for (name, meant) in Self.spellings where meant == nil || meant?.hasPrefix("Lung_") == true {
            let found = lungs.filter { roi in
                roi.patterns.contains { NamePattern($0).matches(name) || NamePattern($0).means(name) }
            }
            #expect(found.map(\.roi.name) == (meant.map { [$0] } ?? []), "\(name)")
        }
        #expect(!NamePattern("Lung*L").means("Lung Left") && NamePattern("Lung*L").matches("Lung (L)") == false)
    }
}
