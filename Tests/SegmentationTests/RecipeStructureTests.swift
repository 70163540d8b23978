import Foundation
import Segmentation
import Testing

@Suite("Structures of a recipe")
struct RecipeStructureTests {
    /// A recipe with a name, and what `json` has beside it.
    private func recipe(_ json: String) throws -> TrainingConfiguration {
        try TrainingConfiguration(from: Data(#"{"name": "mine", \#(json.dropFirst())"#.utf8))
    }

    @Test(
        "structures of one's own make a model with its own name, which has nothing of the built-in one's version and summary"
    )
    func names() throws {
        let heart = #""rois": [{"patterns": ["Heart"], "roi": {"name": "Heart"}}]"#
        let recipe = try recipe("{\(heart)}")
        #expect(recipe.name == "mine" && recipe.version == "0.1.0" && recipe.summary == "Heart on CT.")
        #expect {
            try TrainingConfiguration(from: Data("{\(heart)}".utf8))
        } throws: { error in
            "\(error)".contains(
                "name: a recipe with rois of its own makes another model than the built-in lungs: give its name"
            )
        }
        let whole = try TrainingConfiguration(
            from: Data(#"{"name": "heart", "version": "3", "summary": "Hearts.", \#(heart)}"#.utf8)
        )
        #expect(whole.version == "3" && whole.summary == "Hearts.")
    }

    @Test("unions that are no list are refused beside structures, too", arguments: ["5", "true", "{}", #""Lungs""#])
    func noUnions(_ json: String) {
        #expect {
            try recipe(#"{"rois": [{"patterns": ["Heart"], "roi": {"name": "Heart"}}], "derivedROIs": \#(json)}"#)
        } throws: { error in
            "\(error)".contains("derivedROIs: ") && "\(error)".contains("a list is needed")
        }
    }

    @Test("names and patterns are enough: the rest is by position and by name, with no limits")
    func defaults() throws {
        let recipe = try recipe(
            #"""
            {"rois": [{"patterns": ["Heart"], "roi": {"name": "Heart"}},
                      {"patterns": ["Kidney_L"], "roi": {"name": "Kidney_L", "color": [86, 180, 233]}},
                      {"patterns": ["Kidney_R"], "roi": {"name": "Kidney_R", "acceptance": {"minimumVolumeML": 20}}}]}
            """#
        )
        let rois = recipe.rois.map(\.roi)
        #expect(rois.map(\.label) == [1, 2, 3])
        #expect(rois.map(\.color) == [[230, 159, 0], [86, 180, 233], [0, 158, 115]])
        #expect(rois.allSatisfy { $0.interpretedType == "ORGAN" && $0.codes.category.value == "123037004" })
        #expect(rois.map(\.codes.type.value) == ["80891009", "64033007", "64033007"])
        #expect(rois.map(\.codes.modifier?.meaning) == [nil, "Left", "Right"])
        #expect(rois.map(\.acceptance.minimumVolumeML) == [0, 0, 20])
        #expect(rois.allSatisfy { $0.acceptance.minimumConfidence == 0 && $0.acceptance.meanHU == nil })
        #expect(rois.allSatisfy { $0.plausibility == Plausibility() && $0.postprocessing == Postprocessing() })
        // Nothing of the lungs is left.
        #expect(recipe.derivedROIs.isEmpty && recipe.output.emptyMessage == "no structure found")
        #expect(recipe.output.activation == .softmax)
    }

    @Test("a union needs its name and its parts, and one of the built-in recipe stays where its parts do")
    func unions() throws {
        let kidneys = try recipe(
            #"""
            {"rois": [{"patterns": ["Kidney_L"], "roi": {"name": "Kidney_L"}},
                      {"patterns": ["Kidney_R"], "roi": {"name": "Kidney_R"}}],
             "derivedROIs": [{"name": "Kidneys", "union": ["Kidney_L", "Kidney_R"]}]}
            """#
        ).derivedROIs
        #expect(kidneys.map(\.codes.type.meaning) == ["Kidney"])
        #expect(kidneys.map(\.codes.modifier?.meaning) == ["Right and left"])
        #expect(kidneys.map(\.color) == [[0, 158, 115]])
        let lungs = try recipe(
            #"""
            {"rois": [{"patterns": ["Lung_L"], "roi": {"name": "Lung_L"}},
                      {"patterns": ["Lung_R"], "roi": {"name": "Lung_R"}}]}
            """#
        )
        #expect(lungs.derivedROIs == TrainingConfiguration.lungs.derivedROIs)
        let both = try recipe(#"{"derivedROIs": [{"name": "Lungs", "union": ["Lung_L", "Lung_R"]}]}"#).derivedROIs
        #expect(both.map(\.codes) == TrainingConfiguration.lungs.derivedROIs.map(\.codes))
    }

    @Test("a structure without a known code needs one, and keeps what is given")
    func unknown() throws {
        func json(_ codes: String) -> String {
            #"{"rois": [{"patterns": ["Tumour"], "roi": {"name": "GTVp"\#(codes)}}]}"#
        }
        #expect(throws: SegmentationError.self) { try recipe(json("")) }
        do { _ = try recipe(json("")) } catch {
            #expect("\(error)".contains("rois[0].roi.codes.type: no code is known for GTVp; give its value, scheme"))
        }
        let type = #"{"value": "108369006", "scheme": "SCT", "meaning": "Neoplasm"}"#
        let roi = try #require(recipe(json(#", "codes": {"type": \#(type)}"#)).rois.first).roi
        #expect(roi.codes.type.value == "108369006" && roi.codes.modifier == nil)
        #expect(roi.codes.category == ROICodes(ofStructure: "Heart")?.category)
    }

    @Test(
        "a number of a structure that nobody can mean is refused with its key, what is possible and what is given",
        arguments: [
            ("postprocessing", #"{"minimumVolumeML": 1e30}"#, "minimumVolumeML: 0 to 1000000 mL (1e+30 is given)"),
            ("postprocessing", #"{"keepFraction": -1}"#, "keepFraction: 0 to 1 (-1 is given)"),
            ("postprocessing", #"{"largestComponents": -1}"#, "largestComponents: 0 or more (-1 is given)"),
            ("acceptance", #"{"minimumVolumeML": -0.5}"#, "minimumVolumeML: 0 to 1000000 mL (-0.5 is given)"),
            (
                "acceptance", #"{"minimumWholeVolumeML": -1}"#,
                "minimumWholeVolumeML: 0 to 1000000 mL (-1 is given)"
            ),
            ("acceptance", #"{"minimumConfidence": 2}"#, "minimumConfidence: 0 to 1 (2 is given)"),
            ("acceptance", #"{"maximumAirFraction": -1}"#, "maximumAirFraction: 0 to 1 (-1 is given)"),
            (
                "acceptance", #"{"minimumVolumeML": 5, "maximumVolumeML": 4}"#,
                "maximumVolumeML: more than acceptance.minimumVolumeML: nothing would ever be accepted (4 is given)"
            ),
            (
                "acceptance", #"{"minimumWholeVolumeML": 5, "maximumVolumeML": 5}"#,
                "maximumVolumeML: more than acceptance.minimumWholeVolumeML: no whole one would ever be accepted (5 is given)"
            ),
            ("plausibility", #"{"maximumComponents": 0}"#, "maximumComponents: 1 or more (0 is given)"),
            ("plausibility", #"{"maximumHoles": -1}"#, "maximumHoles: 0 or more (-1 is given)"),
            ("plausibility", #"{"maximumSkippedSlices": -1}"#, "maximumSkippedSlices: 0 or more (-1 is given)"),
            ("plausibility", #"{"maximumEdgeContactMM2": -1}"#, "maximumEdgeContactMM2: 0 or more (-1 is given)"),
            ("plausibility", #"{"reviewConfidence": 1e30}"#, "reviewConfidence: 0 to 1 (1e+30 is given)"),
            ("plausibility", #"{"volumeML": {"lower": -1, "upper": 5}}"#, "volumeML.lower: 0 or more (-1 is given)"),
            (
                "plausibility", #"{"symmetry": {"to": "Lung_R", "volumeRatio": {"lower": -1, "upper": 2}}}"#,
                "symmetry.volumeRatio.lower: 0 or more (-1 is given)"
            ),
            (
                "plausibility", #"{"extentMM": {"lower": 9, "upper": 5}}"#,
                "extentMM: the lower end of the range is above the upper"
            ),
        ]
    )
    func meaninglessNumbers(_ part: String, _ json: String, _ words: String) {
        func entry(_ name: String, _ more: String) -> String {
            #"{"patterns": ["\#(name)"], "roi": {"name": "\#(name)"\#(more)}}"#
        }
        #expect {
            try recipe(#"{"rois": [\#(entry("Lung_L", ", \"\(part)\": \(json)")), \#(entry("Lung_R", ""))]}"#)
        } throws: { error in
            "\(error)" == "training configuration: rois[0].roi.\(part).\(words)"
        }
    }

    @Test(
        "a value of label maps that is none, is the background or is there twice is refused with its key and the reason",
        arguments: [
            (300, 2, "rois[0].sourceLabel: 300 is given, 1 to 255 is needed"),
            (-1, 2, "rois[0].sourceLabel: -1 is given, 1 to 255 is needed"),
            (1, 0, "rois[1].sourceLabel: 0 is given, 1 to 255 is needed: 0 is the background of label maps"),
            (7, 7, "rois[1].sourceLabel: 7 is the value of both Lung_L and Lung_R in label maps; give each its own"),
            // Of the other it is the label.
            (2, nil, "rois[1].sourceLabel: 2 is the value of both Lung_L and Lung_R in label maps; give each its own"),
        ] as [(Int, Int?, String)]
    )
    func sourceLabels(_ first: Int, _ second: Int?, _ words: String) {
        func entry(_ name: String, _ value: Int?) -> String {
            let value = value.map { #", "sourceLabel": \#($0)"# } ?? ""
            return #"{"patterns": ["\#(name)"], "roi": {"name": "\#(name)"}\#(value)}"#
        }
        #expect {
            try recipe(#"{"rois": [\#(entry("Lung_L", first)), \#(entry("Lung_R", second))]}"#)
        } throws: { error in
            "\(error)".contains(words)
        }
    }

    @Test("a pattern that matches no name is refused", arguments: ["", "|", " - "])
    func emptyPatterns(_ pattern: String) {
        #expect {
            try recipe(#"{"rois": [{"patterns": ["Heart", "\#(pattern)"], "roi": {"name": "Heart"}}]}"#)
        } throws: { error in
            "\(error)".contains("rois[0].patterns[1]: \"\(pattern)\" matches no name")
        }
    }

    @Test("more structures than colours, and every code has one meaning")
    func many() throws {
        let names = [
            "Heart", "Liver", "Spleen", "Brain", "Bladder", "Rectum", "Stomach", "Pancreas", "Colon", "Trachea",
        ]
        let more = ["Larynx", "Prostate", "Uterus", "Esophagus", "SpinalCord", "Duodenum", "Gallbladder", "Sternum"]
        let entries = (names + more).map { #"{"patterns": ["\#($0)"], "roi": {"name": "\#($0)"}}"# }
        let rois = try recipe("{\"rois\": [\(entries.joined(separator: ","))]}").rois.map(\.roi)
        #expect(Set(rois.prefix(16).map(\.color)).count == 16 && rois[16].color == rois[0].color)
        #expect(Set(rois.map(\.codes.type)).count == rois.count)
    }

    @Test(
        "names of TG-263, and others that mean the same, have codes",
        arguments: [
            ("Lungs", "39607008", "Right and left"), ("Lung_R", "39607008", "Right"), ("Lung", "39607008", nil),
            ("Herz", "80891009", nil), ("Parotid_L", "45289007", "Left"), ("Glnd_Submand_R", "54019009", "Right"),
            ("Femur_Head_L", "2812003", "Left"), ("FemoralHead_R", "2812003", "Right"), ("Atrium_L", "82471001", nil),
            ("OpticNrv_L", "18234004", "Left"), ("Bone_Mandible", "91609006", nil), ("Mandible", "91609006", nil),
            ("V_Venacava_S", "48345005", nil), ("Eyes", "81745001", "Right and left"), ("PTV", nil, nil),
            ("Heart_PRV", nil, nil), ("L", nil, nil), ("Body", nil, nil),
        ] as [(String, String?, String?)]
    )
    func codes(_ name: String, _ value: String?, _ side: String?) {
        let codes = ROICodes(ofStructure: name)
        #expect(codes?.type.value == value && codes?.modifier?.meaning == side)
    }
}
